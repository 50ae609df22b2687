"""One sweep over all thresholds, for any number of weightings at once.

Every threshold-free metric is read off the same two counts: the weight of the fakes and of the
reals that score at or above each distinct score. The bootstrap gives a weight matrix of one row
a resample, the plain metrics one row of ones, so both run the same arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sweep:
    """Weights at or above each threshold, from none to all; R weightings, T thresholds."""

    fakes: Float[NDArray[Any], "R T"]
    """True positives: starts at 0, ends at the weight of all fakes."""
    reals: Float[NDArray[Any], "R T"]
    """False positives: starts at 0, ends at the weight of all reals."""

    def roc_auc(self) -> Float[NDArray[Any], " R"]:
        """Area under the ROC curve by trapezia: the Mann-Whitney statistic, ties counted half."""
        heights = self.fakes[:, 1:] + self.fakes[:, :-1]
        area = np.einsum("rt,rt->r", np.diff(self.reals, axis=1), heights)
        return _ratio(area, 2 * self.fakes[:, -1] * self.reals[:, -1])

    def average_precision(self) -> Float[NDArray[Any], " R"]:
        """Precision at each threshold, weighted by the recall gained there; fake = positive."""
        found = self.fakes[:, 1:]
        # A step that gains no recall counts nothing, so 0/0 before the first image is harmless.
        precision = np.divide(
            found, found + self.reals[:, 1:], out=np.zeros_like(found), where=found > 0
        )
        gained = np.einsum("rt,rt->r", np.diff(self.fakes, axis=1), precision)
        defined = self.reals[:, -1] > 0
        return np.where(defined, _ratio(gained, self.fakes[:, -1]), np.nan)

    def equal_error_rate(self) -> Float[NDArray[Any], " R"]:
        """The rate where false alarms equal misses, on the ROC drawn with straight lines."""
        alarms = _ratio(self.reals, self.reals[:, -1:])
        excess = alarms - (1 - _ratio(self.fakes, self.fakes[:, -1:]))
        after = np.argmax(excess >= 0, axis=1)[:, None]
        before = np.maximum(after - 1, 0)
        left, right = (np.take_along_axis(excess, at, axis=1) for at in (before, after))
        share = _ratio(-left, right - left)
        start, end = (np.take_along_axis(alarms, at, axis=1) for at in (before, after))
        return np.asarray((start + share * (end - start))[:, 0])

    def tpr_at_fpr(self, limit: float) -> Float[NDArray[Any], " R"]:
        """The most fakes found by a threshold that keeps the false-alarm rate within ``limit``.

        Only thresholds that exist count: the curve is not interpolated.
        """
        allowed = _ratio(self.reals, self.reals[:, -1:]) <= limit
        last = np.maximum(np.count_nonzero(allowed, axis=1) - 1, 0)
        found = np.take_along_axis(self.fakes, last[:, None], axis=1)[:, 0]
        defined = self.reals[:, -1] > 0
        return np.where(defined, _ratio(found, self.fakes[:, -1]), np.nan)

    def at(self, step: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Accuracy, false-alarm rate and share of fakes found by the threshold at that point."""
        hits, alarms = self.fakes[:, step], self.reals[:, step]
        fakes, reals = self.fakes[:, -1], self.reals[:, -1]
        right = hits + reals - alarms
        return _ratio(right, fakes + reals), _ratio(alarms, reals), _ratio(hits, fakes)


@dataclass(frozen=True)
class Ranking:
    """Images from the highest score to the lowest, made once and swept many times."""

    order: Int[NDArray[Any], " n"]
    is_fake: Bool[NDArray[Any], " n"]
    """Truth, in that order."""
    ends: Int[NDArray[Any], " T-1"]
    """Place of the last image of each run of equal scores."""

    @classmethod
    def make(cls, is_fake: Bool[NDArray[Any], " n"], score: Float[NDArray[Any], " n"]) -> Ranking:
        """Sort by falling score; equal scores form one step."""
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        steps = np.append(falling[1:] != falling[:-1], True)[: len(score)]
        return cls(order, is_fake[order], np.flatnonzero(steps))

    def sweep(self, weights: Shaped[NDArray[Any], "R n"]) -> Sweep:
        """Count with each row of ``weights``, which are in the images' own order."""
        ranked = np.take(weights, self.order, axis=1).astype(np.float64)
        total = np.cumsum(ranked, axis=1)
        ranked *= self.is_fake
        fakes = np.cumsum(ranked, axis=1, out=ranked)
        return Sweep(self._steps(fakes), self._steps(total - fakes))

    def _steps(self, running: Float[NDArray[Any], "R n"]) -> Float[NDArray[Any], "R T"]:
        """Keep the end of each run, with the empty set in front."""
        out = np.zeros((len(running), len(self.ends) + 1))
        np.take(running, self.ends, axis=1, out=out[:, 1:])
        return out


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """``part / whole``, NaN where the whole is nothing."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    out = np.full(shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out
