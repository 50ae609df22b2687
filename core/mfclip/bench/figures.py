"""From the scores of trained cells to the entries of a table."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mfclip.bench.selections import Selection
from mfclip.bench.table import Cell, Entry, Measure
from mfclip.errors import DataError
from mfclip.metrics.bootstrap import (
    AT_THRESHOLD,
    THRESHOLD_FREE,
    Resampler,
    View,
    percentiles,
    replicate,
)
from mfclip.metrics.measures import roc_auc
from mfclip.metrics.operating import OperatingPoints

if TYPE_CHECKING:
    from mfclip.bench.experiments import Condition
    from mfclip.metrics.scores import ScoreTable
    from mfclip.recipe.settings import EvaluationSettings

_PLACES: dict[Measure, int] = {
    "accuracy": len(THRESHOLD_FREE) + AT_THRESHOLD.index("accuracy"),
    "auc": THRESHOLD_FREE.index("roc_auc"),
    "false_alarms": len(THRESHOLD_FREE) + AT_THRESHOLD.index("false_alarms"),
    "found": len(THRESHOLD_FREE) + AT_THRESHOLD.index("found"),
    "tpr_at_fpr_1": THRESHOLD_FREE.index("tpr_at_fpr_1"),
}
"""Where :meth:`View.measure` has them, with one threshold."""


@dataclass(frozen=True)
class Scored:
    """One trained cell: what it said of the test split."""

    operating: OperatingPoints
    """Fitted on its validation images."""
    tables: Mapping[Condition | None, ScoreTable]
    """The whole test split, by what was done to it."""


def measure(
    seeds: Sequence[tuple[ScoreTable, OperatingPoints]],
    selection: Selection,
    settings: EvaluationSettings,
    *,
    within: bool,
) -> Cell:
    """The measures of some test images, by seed, with the interval of their mean.

    The interval draws identities of the test set (videos, images where these are not known), the
    same ones for every seed,
    so it says what other test images would have given. The spread over seeds is the other thing:
    what another training would have given.

    Raises
    ------
    DataError
        Where the seeds did not score the same images, or an image has no score.
    """
    parts = [table.where(selection.mask(table)) for table, _ in seeds]
    _require_alike(parts)
    everything = np.ones(len(parts[0]), dtype=bool)
    views = [
        View.make(part, everything, operating, [operating.threshold])
        for part, (_, operating) in zip(parts, seeds, strict=True)
    ]
    once = np.ones((1, len(parts[0])))
    values = np.stack([view.measure(once)[0] for view in views])
    seed = (settings.seed, zlib.crc32(selection.model_dump_json().encode()))
    drawn = replicate(views, Resampler.make(parts[0]), settings.bootstrap, seed)
    ends = percentiles(np.mean(drawn, axis=0), settings.confidence)
    entries = {name: _entry(values[:, i], ends[:, i]) for name, i in _PLACES.items()}
    return Cell(
        accuracy=entries["accuracy"],
        auc=entries["auc"],
        false_alarms=entries["false_alarms"],
        found=entries["found"],
        tpr_at_fpr_1=entries["tpr_at_fpr_1"],
        within=within,
    )


def group_auc(table: ScoreTable, selection: Selection) -> float:
    """The AUC of knowing nothing of an image but its group, 0.5 to 1; 0.5 for a single group.

    Groups that hold other shares of fakes let a detector gain by telling the groups apart.
    """
    part = table.where(selection.mask(table))
    share = {group: part.is_fake[part.group == group].mean() for group in np.unique(part.group)}
    return roc_auc(part.is_fake, [share[group] for group in part.group])


def _entry(values: NDArray[np.float64], ends: NDArray[np.float64]) -> Entry:
    low, high = map(float, ends)
    return Entry(values=tuple(map(float, values)), low=low, high=high)


def _require_alike(parts: Sequence[ScoreTable]) -> None:
    first = parts[0]
    for part in parts:
        if not np.array_equal(part.path, first.path):
            raise DataError("the seeds of one cell did not score the same images; train it anew")
        if not np.isfinite(part.log_odds).all():
            absent = first.path[~np.isfinite(part.log_odds)]
            raise DataError(f"{len(absent)} test images have no score, such as {absent[0]}")
