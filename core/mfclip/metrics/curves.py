"""One sweep over all thresholds, for any number of weightings at once.

Every threshold-free metric is read off the same two counts: the weight of the fakes and of the
reals that score at or above each distinct score. The bootstrap gives a weight matrix of one row
a resample, the plain metrics one row of ones, so both run the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
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
        # Before the first image nothing is found and nothing gained: 0/0 may count as 0.
        precision = found / np.maximum(found + self.reals[:, 1:], np.finfo(np.float64).tiny)
        gained = np.einsum("rt,rt->r", np.diff(self.fakes, axis=1), precision)
        defined = self.reals[:, -1] > 0
        return np.where(defined, _ratio(gained, self.fakes[:, -1]), np.nan)

    def equal_error_rate(self) -> Float[NDArray[Any], " R"]:
        """The rate where false alarms equal misses, on the ROC drawn with straight lines."""
        reached = self._first(lambda step: self._excess(step) >= 0)
        after = np.minimum(reached, self.fakes.shape[1] - 1)
        before = np.maximum(after - 1, 0)
        left, right = self._excess(before), self._excess(after)
        share = _ratio(-left, right - left)
        start, end = self._false_alarms(before), self._false_alarms(after)
        return np.asarray(start + share * (end - start))

    def tpr_at_fpr(self, limit: float) -> Float[NDArray[Any], " R"]:
        """The most fakes found by a threshold that keeps the false-alarm rate within ``limit``.

        Only thresholds that exist count: the curve is not interpolated.
        """
        beyond = self._first(lambda step: self._false_alarms(step) > limit)
        found = _at(self.fakes, beyond - 1)
        defined = self.reals[:, -1] > 0
        return np.where(defined, _ratio(found, self.fakes[:, -1]), np.nan)

    def at(self, step: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Accuracy, false-alarm rate and share of fakes found by the threshold at that point."""
        hits, alarms = self.fakes[:, step], self.reals[:, step]
        fakes, reals = self.fakes[:, -1], self.reals[:, -1]
        right = hits + reals - alarms
        return _ratio(right, fakes + reals), _ratio(alarms, reals), _ratio(hits, fakes)

    def _false_alarms(self, step: Int[NDArray[Any], " R"]) -> Float[NDArray[Any], " R"]:
        """False-alarm rate at one step of each weighting."""
        return _ratio(_at(self.reals, step), self.reals[:, -1])

    def _excess(self, step: Int[NDArray[Any], " R"]) -> Float[NDArray[Any], " R"]:
        """By how much false alarms outnumber misses, as shares; grows from -1 to 1."""
        missed = 1 - _ratio(_at(self.fakes, step), self.fakes[:, -1])
        return np.asarray(self._false_alarms(step) - missed)

    def _first(
        self, reached: Callable[[Int[NDArray[Any], " R"]], NDArray[np.bool_]]
    ) -> Int[NDArray[Any], " R"]:
        """The first step at which a rising condition holds, by bisection; T where none does."""
        weightings, steps = self.fakes.shape
        low, high = np.zeros(weightings, dtype=np.intp), np.full(weightings, steps)
        for _ in range(steps.bit_length()):
            middle, undecided = (low + high) // 2, low < high
            holds = reached(np.minimum(middle, steps - 1))
            high = np.where(undecided & holds, middle, high)
            low = np.where(undecided & ~holds, middle + 1, low)
        return high


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
        total = self._running(ranked)
        ranked *= self.is_fake
        fakes = self._running(ranked)
        total -= fakes
        return Sweep(fakes, total)

    def _running(self, ranked: Float[NDArray[Any], "R n"]) -> Float[NDArray[Any], "R T"]:
        """Running sums at the end of each run of equal scores, with the empty set in front."""
        out = np.zeros((len(ranked), len(self.ends) + 1))
        if len(self.ends) == ranked.shape[1]:
            np.cumsum(ranked, axis=1, out=out[:, 1:])
        else:
            np.take(np.cumsum(ranked, axis=1), self.ends, axis=1, out=out[:, 1:])
        return out


def _at(table: NDArray[Any], step: Int[NDArray[Any], " R"]) -> NDArray[Any]:
    """One entry of each row."""
    found: NDArray[Any] = table[np.arange(len(table)), step]
    return found


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """``part / whole``, NaN where the whole is nothing."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    out = np.full(shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out
