"""Two detectors on the same images: the bootstrap that keeps identities and videos whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from mfclip.metrics.bootstrap import Resampler
from mfclip.metrics.curves import Ranking
from mfclip.metrics.delong import PairedTest, nothing
from mfclip.metrics.measures import undefined
from mfclip.metrics.scores import ScoreTable


def paired_bootstrap(
    table: ScoreTable,
    other: ArrayLike,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | Iterable[int] = 0,
) -> PairedTest:
    """Compare ``table.log_odds`` (a) with ``other`` (b), log-odds of the same rows.

    Both AUCs are taken on the same resamples, so what the two have in common cancels out. Drawn
    are identities, else videos, else images. The interval is of percentiles. The p-value is twice
    the share of resamples on the far side of no difference, never below
    ``2 / (resamples + 1)``.

    Raises:
        ValueError: ``other`` is not flat or not as long as the table.
    """
    scores = np.asarray(other, dtype=np.float64)
    if scores.shape != (len(table),):
        raise ValueError(f"{len(table)} images but other scores of shape {scores.shape}")
    reason = undefined(table.is_fake, table.log_odds + scores)
    if reason:
        return nothing(reason)
    rankings = [Ranking.make(table.is_fake, column) for column in (table.log_odds, scores)]
    once = np.ones((1, len(table)))
    auc_a, auc_b = (float(ranking.sweep(once).roc_auc()[0]) for ranking in rankings)
    drawn = _differences(table, rankings, resamples, [seed] if isinstance(seed, int) else [*seed])
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return PairedTest(
        auc_a=auc_a,
        auc_b=auc_b,
        difference=auc_a - auc_b,
        low=float(low),
        high=float(high),
        p_value=_p_value(drawn),
    )


def _differences(
    table: ScoreTable, rankings: Iterable[Ranking], resamples: int, seed: list[int]
) -> Float64[NDArray[Any], " resamples"]:
    """AUC of the first ranking less that of the second, once a resample."""
    one, other = rankings
    chunks = [
        one.sweep(weights).roc_auc() - other.sweep(weights).roc_auc()
        for weights in Resampler.make(table).weights(resamples, seed)
    ]
    return np.concatenate(chunks)


def _p_value(drawn: Float64[NDArray[Any], " resamples"]) -> float:
    """Two-sided, from the smaller tail beyond 0; the data count as one more resample."""
    beyond = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return float(min(1.0, 2 * (beyond + 1) / (len(drawn) + 1)))
