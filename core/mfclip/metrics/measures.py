"""How well scores separate fakes from reals. Fake is the positive class throughout.

Every metric is NaN where it has no meaning: a class is absent or a score is NaN.
:func:`undefined` says why, so a report can print the reason instead of failing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike, NDArray

from mfclip.metrics.curves import Ranking, Sweep


def undefined(is_fake: ArrayLike, score: ArrayLike | None = None) -> str:
    """Why the metrics of these images would be NaN; empty where they are defined."""
    fakes = np.asarray(is_fake, dtype=bool)
    if not fakes.size:
        return "no images"
    if fakes.all():
        return "no real images"
    if not fakes.any():
        return "no fake images"
    return "a score is NaN" if score is not None and np.isnan(score).any() else ""


def accuracy(is_fake: ArrayLike, score: ArrayLike, threshold: float) -> float:
    """Share of right verdicts, where a score at or above ``threshold`` means fake.

    Defined for one class too; NaN without images or with a NaN among the scores.
    """
    fakes, scores = _columns(is_fake, score)
    if not fakes.size or np.isnan(scores).any():
        return float("nan")
    return float(np.mean((scores >= threshold) == fakes))


def roc_auc(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Chance that a random fake scores above a random real, ties counted half (Mann-Whitney)."""
    sweep = _sweep(is_fake, score)
    return float("nan") if sweep is None else float(sweep.roc_auc()[0])


def average_precision(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Mean precision over the recall gained at each threshold, without interpolation."""
    sweep = _sweep(is_fake, score)
    return float("nan") if sweep is None else float(sweep.average_precision()[0])


def equal_error_rate(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Error rate at which as large a share of reals is flagged as of fakes is missed, 0-1.

    Between two thresholds both rates are interpolated linearly, along the ROC curve.
    """
    sweep = _sweep(is_fake, score)
    return float("nan") if sweep is None else float(sweep.equal_error_rate()[0])


def tpr_at_fpr(is_fake: ArrayLike, score: ArrayLike, limit: float) -> float:
    """Largest share of fakes found by any threshold that flags at most ``limit`` of the reals."""
    sweep = _sweep(is_fake, score)
    return float("nan") if sweep is None else float(sweep.tpr_at_fpr(limit)[0])


class RocCurve(NamedTuple):
    """The corners of a ROC curve, from (0, 0) to (1, 1)."""

    fpr: Float[NDArray[Any], " T"]
    """Share of reals at or above each threshold."""
    tpr: Float[NDArray[Any], " T"]
    """Share of fakes at or above each threshold."""


def roc_curve(is_fake: ArrayLike, score: ArrayLike) -> RocCurve | None:
    """The curve with one point for each distinct score; None where it is undefined."""
    sweep = _sweep(is_fake, score)
    if sweep is None:
        return None
    return RocCurve(sweep.reals[0] / sweep.reals[0, -1], sweep.fakes[0] / sweep.fakes[0, -1])


def _sweep(is_fake: ArrayLike, score: ArrayLike) -> Sweep | None:
    """Count each image once; None where :func:`undefined` has a reason."""
    fakes, scores = _columns(is_fake, score)
    if undefined(fakes, scores):
        return None
    return Ranking.make(fakes, scores).sweep(np.ones((1, len(scores))))


def _columns(
    is_fake: ArrayLike, score: ArrayLike
) -> tuple[Bool[NDArray[Any], " n"], Float[NDArray[Any], " n"]]:
    """Both as flat arrays of one length."""
    fakes, scores = np.asarray(is_fake, dtype=bool), np.asarray(score, dtype=np.float64)
    if fakes.ndim != 1 or fakes.shape != scores.shape:
        raise ValueError(
            f"is_fake and score must be flat and equally long, got {fakes.shape} and {scores.shape}"
        )
    return fakes, scores
