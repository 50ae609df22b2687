"""What a detector said about each image of a manifest, beside what is true."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from numpy.typing import ArrayLike, NDArray

from mfclip.data.labels import Verdict
from mfclip.data.tables import is_missing
from mfclip.errors import DataError
from mfclip.files import replace_file

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest

CSV_COLUMNS = (
    "path",
    "label",
    "forgery",
    "family",
    "generator",
    "group",
    "identity",
    "video",
    "log_odds",
    "p_fake",
    "verdict",
)
"""Header of a scores file."""
_TEXT = ("path", "group", "forgery", "family", "generator", "identity", "video")
_MAY_BE_MISSING = tuple(name for name in _TEXT if name != "path")
_MAY_LACK = ("video", "p_fake", "verdict")
"""Columns that a file is read without: older ones have no video, the last two are for readers."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """One row an image. Text is empty where the data do not say."""

    path: Shaped[NDArray[Any], " n"]
    log_odds: Float64[NDArray[Any], " n"]
    """Logit of fake minus logit of real, uncalibrated. NaN: the image was not scored."""
    is_fake: Bool[NDArray[Any], " n"]
    group: Shaped[NDArray[Any], " n"]
    """Images of one group went through one pipeline, real and fake alike."""
    forgery: Shaped[NDArray[Any], " n"]
    family: Shaped[NDArray[Any], " n"]
    generator: Shaped[NDArray[Any], " n"]
    identity: Shaped[NDArray[Any], " n"]
    """Images of one identity depend on each other; empty: on none."""
    video: Shaped[NDArray[Any], " n"] = field(default_factory=lambda: _text(iter(())))
    """Frames of one video, unique across manipulations; empty: the image stands alone."""

    def __post_init__(self) -> None:
        if not len(self.video):
            object.__setattr__(self, "video", _text("" for _ in range(len(self))))
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise DataError(f"the columns of a score table differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.log_odds)

    @classmethod
    def from_manifest(cls, manifest: Manifest, log_odds: ArrayLike) -> ScoreTable:
        """Join a manifest with the log-odds of its rows, in the same order.

        Raises:
            DataError: There are more or fewer scores than rows.
        """
        scores = np.asarray(log_odds, dtype=np.float64)
        if scores.shape != (len(manifest),):
            raise DataError(
                f"{len(manifest)} images but scores of shape {scores.shape}; give one score a row"
            )
        rows = manifest.rows
        return cls(
            path=_text(row.path.as_posix() for row in rows),
            log_odds=scores,
            is_fake=np.array([row.is_fake for row in rows], dtype=bool),
            group=_text(row.group for row in rows),
            forgery=_text(row.label.forgery for row in rows),
            family=_text(row.label.family for row in rows),
            generator=_text(row.label.generator for row in rows),
            identity=_text(row.identity for row in rows),
            video=_text(row.video for row in rows),
        )

    def where(self, keep: Bool[NDArray[Any], " n"]) -> ScoreTable:
        """The rows for which ``keep`` holds, in order."""
        return ScoreTable(*(getattr(self, field.name)[keep] for field in fields(self)))

    def scored(self) -> ScoreTable:
        """The rows whose score is a finite number."""
        return self.where(np.isfinite(self.log_odds))

    @property
    def reals(self) -> int:
        """Number of real images."""
        return len(self) - self.fakes

    @property
    def fakes(self) -> int:
        """Number of fake images."""
        return int(np.count_nonzero(self.is_fake))


class Decides(Protocol):
    """What makes verdicts of log-odds: :class:`mfclip.metrics.operating.OperatingPoints`."""

    def p_fake(self, log_odds: ArrayLike) -> Float64[NDArray[Any], "*shape"]:
        """Calibrated probability of fake, 0-1."""

    def verdict(self, p_fake: float) -> Verdict:
        """What to call an image."""


def write_scores(table: ScoreTable, operating: Decides, file: Path) -> None:
    """Write one line an image, with ``p_fake`` and the verdict at the fitted threshold.

    ``log_odds`` are written in full, so :func:`read_scores` gives back the same numbers; the
    cells of an image that was not scored are empty. An earlier file is replaced at the end.
    """
    with (
        replace_file(file) as staged,
        staged.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream,
    ):
        writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_lines(table, operating))


def read_scores(file: Path) -> ScoreTable:
    """Read what :func:`write_scores` wrote; ``p_fake`` and verdict are left to operating points.

    Raises:
        DataError: The file cannot be read, a column is missing, a label is neither real nor
            fake, or a score is no number.
    """
    lines = _read(file)
    return ScoreTable(
        log_odds=np.array([_score(file, *line) for line in lines], dtype=np.float64),
        is_fake=np.array([_is_fake(file, *line) for line in lines], dtype=bool),
        **{name: _text(_known(line, name) for _, line in lines) for name in _TEXT},
    )


def _known(line: Mapping[str, str], name: str) -> str:
    """A cell of text; empty where it is missing, or says so as other programs do."""
    cell = line.get(name) or ""
    return "" if name in _MAY_BE_MISSING and is_missing(cell) else cell


def _read(file: Path) -> list[tuple[int, dict[str, str]]]:
    """The cells of each line by column, with the line's number."""
    try:
        with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
            reader = csv.DictReader(stream)
            given = {*(reader.fieldnames or ()), *_MAY_LACK}
            missing = [name for name in CSV_COLUMNS if name not in given]
            lines = [(reader.line_num, line) for line in reader]
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise DataError(f"{file}: not CSV: {error}") from error
    if missing:
        raise DataError(f"{file}: no scores file: missing column {', '.join(missing)}")
    return lines


def _lines(table: ScoreTable, operating: Decides) -> Iterator[dict[str, str]]:
    """The cells of each row."""
    p_fake = operating.p_fake(table.log_odds)
    for i in range(len(table)):
        line = {name: str(getattr(table, name)[i]) for name in _TEXT}
        line["label"] = "fake" if table.is_fake[i] else "real"
        if not math.isnan(table.log_odds[i]):
            line["log_odds"] = repr(float(table.log_odds[i]))
            line["p_fake"] = f"{p_fake[i]:.6f}"
            line["verdict"] = operating.verdict(float(p_fake[i]))
        yield line


def _score(file: Path, number: int, line: Mapping[str, str]) -> float:
    """The log-odds of a line; an empty cell means not scored."""
    try:
        return float(line["log_odds"] or "nan")
    except ValueError as error:
        raise DataError(f"{file}:{number}: log_odds is no number: {line['log_odds']!r}") from error


def _is_fake(file: Path, number: int, line: Mapping[str, str]) -> bool:
    """The truth of a line."""
    if line["label"] not in ("real", "fake"):
        raise DataError(f"{file}:{number}: label must be real or fake, got {line['label']!r}")
    return line["label"] == "fake"


def _text(values: Iterator[str]) -> Shaped[NDArray[Any], " n"]:
    """A column of text; the type must not depend on whether there are rows."""
    return np.array(list(values), dtype=np.str_)
