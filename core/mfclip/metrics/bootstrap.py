"""Percentile intervals by resampling identities, vectorised over resamples.

What is drawn with replacement are *identities* where they are known, else videos, else images:
two images of one person, a photo and the forgery made from it, or two frames of one video are not
two independent observations. Below, "identity" stands for whichever of them a table has.

Identities are drawn within strata: those that appear in the same groups with the same classes.
Each resample so holds as many identities of every stratum as the data do. Both classes are
always present, in every group, and the mix of groups stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from mfclip.metrics.curves import Ranking
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.units import clusters

THRESHOLD_FREE = (
    "roc_auc",
    "average_precision",
    "equal_error_rate",
    "tpr_at_fpr_1",
    "tpr_at_fpr_5",
)
"""The first measures of a view."""
AT_THRESHOLD = ("accuracy", "false_alarms", "found")
"""The measures that follow, once for each threshold."""
_CHUNK = 1 << 16
"""Weights held at once: half a MB an array, so memory does not grow with the resamples."""


@dataclass(frozen=True)
class Resampler:
    """Draws weights: how often each of n images is in each resample."""

    cluster: Int[NDArray[Any], " n"]
    """Identity of each image, numbered from 0."""
    strata: tuple[Int[NDArray[Any], " members"], ...]
    """The identities of each stratum."""

    @classmethod
    def make(cls, table: ScoreTable) -> Resampler:
        """Number the identities and put them into strata."""
        cluster = clusters(table)
        signature: dict[int, set[tuple[str, bool]]] = {}
        for index, group, fake in zip(cluster, table.group, table.is_fake, strict=True):
            signature.setdefault(int(index), set()).add((str(group), bool(fake)))
        members: dict[frozenset[tuple[str, bool]], list[int]] = {}
        for index in sorted(signature):
            members.setdefault(frozenset(signature[index]), []).append(index)
        return cls(cluster, tuple(np.array(stratum) for stratum in members.values()))

    @property
    def identities(self) -> int:
        """Number of units that are drawn."""
        return sum(map(len, self.strata))

    @property
    def pinned(self) -> int:
        """Images whose identity is alone in its stratum, so that every resample holds them."""
        alone = [stratum[0] for stratum in self.strata if len(stratum) == 1]
        return int(np.isin(self.cluster, alone).sum())

    def weights(self, resamples: int, seed: Sequence[int]) -> Iterator[Int[NDArray[Any], "r n"]]:
        """Yield the weights in chunks that add up to ``resamples`` rows."""
        rng = np.random.default_rng(seed)
        rows = max(1, _CHUNK // max(1, len(self.cluster)))
        for start in range(0, resamples, rows):
            drawn = self._draw(rng, min(rows, resamples - start))
            yield np.take(drawn, self.cluster, axis=1)

    def _draw(self, rng: np.random.Generator, rows: int) -> Int[NDArray[Any], "r identities"]:
        """How often each identity is drawn in each of ``rows`` resamples."""
        total = self.identities
        counts = np.zeros((rows, total), dtype=np.int32)
        for stratum in self.strata:
            size = len(stratum)
            picks = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
            tally = np.bincount(picks.ravel(), minlength=rows * size)
            counts[:, stratum] = tally.reshape(rows, size)
        return counts


@dataclass(frozen=True)
class View:
    """Some images of a table, ready to be measured under any weights of the whole table."""

    ranking: Ranking
    steps: tuple[int, ...]
    """For each threshold, the point of the sweep at which it lies."""

    @classmethod
    def make(
        cls,
        table: ScoreTable,
        keep: NDArray[np.bool_],
        operating: OperatingPoints,
        thresholds: Sequence[float],
    ) -> View:
        """Rank the kept images. ``thresholds`` are on ``p_fake``."""
        part = table.where(keep)
        ranking = Ranking.make(part.is_fake, part.log_odds)
        falling = operating.p_fake(part.log_odds[ranking.order[ranking.ends]])
        steps = tuple(int(np.count_nonzero(falling >= threshold)) for threshold in thresholds)
        return cls(replace(ranking, order=np.flatnonzero(keep)[ranking.order]), steps)

    def measure(self, weights: NDArray[Any]) -> Float64[NDArray[Any], "r measures"]:
        """The measures of :data:`THRESHOLD_FREE`, then of :data:`AT_THRESHOLD` at each one."""
        sweep = self.ranking.sweep(weights)
        free = (
            sweep.roc_auc(),
            sweep.average_precision(),
            sweep.equal_error_rate(),
            sweep.tpr_at_fpr(0.01),
            sweep.tpr_at_fpr(0.05),
        )
        return np.stack([*free, *(rate for step in self.steps for rate in sweep.at(step))], axis=1)


def replicate(
    views: Sequence[View], resampler: Resampler, resamples: int, seed: Sequence[int]
) -> list[Float64[NDArray[Any], "resamples measures"]]:
    """Measure every view on the same resamples of the table they were made from."""
    chunks = [
        [view.measure(weights) for view in views] for weights in resampler.weights(resamples, seed)
    ]
    return [np.concatenate(of_view) for of_view in zip(*chunks, strict=True)]


def percentiles(
    replicates: Float64[NDArray[Any], "resamples measures"], confidence: float
) -> Float64[NDArray[Any], "2 measures"]:
    """The lower and the upper end of each measure's interval."""
    tail = (1 - confidence) / 2
    return np.asarray(np.quantile(replicates, [tail, 1 - tail], axis=0))
