"""What an actor does: it holds the detector, and scores one partition after the other."""

from __future__ import annotations

import platform
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.errors import DataError
from mfclip.inference.rows import COLUMNS, FACE_COLUMNS, Row, rows_of
from mfclip.scale.carried import Carried
from mfclip.scale.inputs import Bringing
from mfclip.scale.places import Place
from mfclip.scale.plan import Partition
from mfclip.scale.tables import (
    Columns,
    Item,
    bytes_of,
    open_table,
    read_items,
    scores_table,
    shown,
)

if TYPE_CHECKING:
    from mfclip.inference.score import Score
    from mfclip.recipe.settings import FacesSettings


@dataclass(frozen=True)
class How:
    """How images are scored; as for ``mfclip score``."""

    threshold: str | float | None = None
    """Name of an operating point, or a number 0-1; None: the detector's own."""
    batch_size: int = 24
    workers: int = 0
    """Processes that decode for one actor; each takes a core of its own. 0: the actor decodes."""
    precision: str | None = None
    faces: FacesSettings | bool | None = None
    """As for :func:`mfclip.load`."""
    frames: int | None = None
    """Frames of each film."""
    rate: float | None = None
    """Frames a second of each film, in place of ``frames``."""
    runtime: str = "auto"
    """What runs the layers, as of ``mfclip score --runtime``."""


@dataclass(frozen=True)
class Task:
    """What all partitions of a run have in common."""

    place: Place
    """Where the scores go."""
    options: str
    """Of the store that the inputs are in."""
    folder: str
    """Where relative paths begin."""
    columns: Columns
    listed: bool
    """Whether the tables of inputs are the plan's own, beside the scores."""
    key: str
    """Of the plan."""


class Scoring:
    """A detector on this machine, out of a bundle that was carried here."""

    def __init__(self, carried: Carried, how: How, device: str) -> None:
        from mfclip.exporting.scorers import load_scorer
        from mfclip.inference.films import plan_of
        from mfclip.inference.points import choose_point

        bundle, registry = carried.unpacked()
        self._how, self._films = how, plan_of(how.frames, how.rate)
        self._loaded = load_scorer(bundle, device, how.precision, registry, how.faces, how.runtime)
        self._point = choose_point(self._loaded.operating, how.threshold)
        self.columns = COLUMNS if self._loaded.faces is None else FACE_COLUMNS
        """Of the rows."""

    @property
    def conditions(self) -> dict[str, Any]:
        """What the scores depend on besides the inputs."""
        from mfclip.exporting.scorers import conditions_of

        asked = {"frames": self._how.frames, "rate": self._how.rate}
        films = {name: value for name, value in asked.items() if value is not None}
        return {**conditions_of(self._loaded, self._point), "columns": list(self.columns), **films}

    def scores(
        self, items: Iterable[Item], options: str, folder: str
    ) -> Iterator[tuple[str, Score]]:
        """One score an input, in order, as one process gives it; with the input's name."""
        from mfclip.inference.mixed import score_files

        with tempfile.TemporaryDirectory(prefix="mfclip-scale-") as scratch:
            bringing = Bringing(items, Path(scratch), options, folder)
            with closing(bringing.paths()) as paths:
                scores = score_files(
                    self._loaded,
                    paths,
                    self._films,
                    batch_size=self._how.batch_size,
                    workers=self._how.workers,
                    threshold=self._how.threshold,
                )
                with closing(scores):  # ends the workers also while an error holds this frame
                    yield from bringing.named(scores)


def rows_with_names(name: str, score: Score) -> Iterator[Row]:
    """The rows of one input, under the input's own name."""
    for row in rows_of(score):
        yield row | {"path": shown(name)}


class Worker:
    """An actor. It is begun with the detector, and then given partitions."""

    def __init__(self) -> None:
        self._scoring: Scoring | None = None

    def begin(
        self, carried: Carried, how: How, device: str, here: list[str]
    ) -> tuple[str, dict[str, Any]]:
        """Load the detector; the name of this machine, and what its scores depend on.

        ``here``: files and folders that this machine must see. Raises :class:`DataError` where it
        does not, else thousands of files would be missing.
        """
        node = platform.node()
        for path in here:
            if not Path(path).exists():
                raise DataError(
                    f"node {node} does not see {path}; mount it on every node under the same "
                    "path, or give the address of a store"
                )
        self._scoring = Scoring(carried, how, device)
        return node, self._scoring.conditions

    def score(self, task: Task, partition: Partition) -> dict[str, int]:
        """Score a partition and write its rows; verdicts and statuses, counted.

        Raises :class:`DataError` where the table has not the rows that the plan says.
        """
        assert self._scoring is not None, "begin comes first"
        counts: Counter[str] = Counter()
        rows: list[Row] = []
        options = task.place.options if task.listed else task.options
        with open_table(partition.table, options, task.folder) as table:
            items = read_items(
                table,
                partition.table,
                task.columns,
                partition.start,
                partition.inputs,
                listed=task.listed,
            )
            for name, score in self._scoring.scores(items, task.options, task.folder):
                rows += rows_with_names(name, score)
                counts[str(score.verdict or score.status)] += 1
        if counts.total() != partition.inputs:
            raise DataError(
                f"{partition.table} has {counts.total()} of the {partition.inputs} rows from "
                f"{partition.start} on: it has changed; begin again with --restart"
            )
        note = {"plan": task.key, "partition": partition.number, "counts": counts}
        table = scores_table(rows, self._scoring.columns, note)
        task.place.put(partition.file, bytes_of([table]))
        return dict(counts)
