"""DeLong's test: do two detectors, scored on the same images, differ in AUC?

After DeLong, DeLong and Clarke-Pearson (1988), with the midranks of Sun and Xu (2014), which need
O(n log n) steps in place of one for each pair of a real and a fake.

The test takes images as independent. Several images of one person or one video are not: then its
intervals are too narrow and its p-values too small. :mod:`mfclip.metrics.paired` draws
identities and videos as wholes and is the one to trust there.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike, NDArray

from mfclip.metrics.measures import undefined
from mfclip.metrics.results import Frozen, Number


class PairedTest(Frozen):
    """Two AUCs, 0-1, of the same images, and their difference."""

    auc_a: Number
    auc_b: Number
    difference: Number
    """``auc_a - auc_b``."""
    low: Number
    """Lower end of the difference's interval."""
    high: Number
    """Upper end."""
    p_value: Number
    """Two-sided: how often a difference as large turns up where there is none."""
    undefined: str = ""
    """Why figures are NaN."""


class Components(NamedTuple):
    """What each image contributes to an AUC."""

    auc: float
    fakes: Float64[NDArray[Any], " m"]
    """For each fake, the share of reals below it, ties counted half."""
    reals: Float64[NDArray[Any], " n"]
    """For each real, the share of fakes above it."""


def paired_test(
    is_fake: ArrayLike, a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95
) -> PairedTest:
    """Compare two scores of the same images, higher meaning fake.

    Scores that rank the images alike have difference 0, an interval of no width and p-value 1.
    A difference whose variance is estimated as 0, such as of a flawless score and its reverse,
    has neither interval nor p-value. Without a class, or with a NaN among the scores, all figures
    are NaN. :attr:`PairedTest.undefined` says which case it is.

    Raises:
        ValueError: The three are not flat and equally long.
    """
    fakes, scores = _columns(is_fake, a, b)
    reason = undefined(fakes, scores.sum(axis=0))
    if reason:
        return nothing(reason)
    one, other = (components(fakes, score) for score in scores)
    # Equal components leave exactly 0 here; a sum of covariances would leave rounding errors.
    variance = _spread(one.fakes - other.fakes) + _spread(one.reals - other.reals)
    return _tested(one.auc, other.auc, variance, confidence)


def components(is_fake: Bool[NDArray[Any], " n"], score: Float64[NDArray[Any], " n"]) -> Components:
    """The AUC and each image's part in it; both classes must be there."""
    from scipy.stats import rankdata

    fakes, reals = score[is_fake], score[~is_fake]
    together = rankdata(score)
    # An image's rank among all, less its rank in its own class, counts the other class below it.
    of_fakes = (together[is_fake] - rankdata(fakes)) / len(reals)
    of_reals = 1 - (together[~is_fake] - rankdata(reals)) / len(fakes)
    return Components(float(of_fakes.mean()), of_fakes, of_reals)


def nothing(reason: str) -> PairedTest:
    """A test without any figure."""
    nan = math.nan
    return PairedTest(
        auc_a=nan, auc_b=nan, difference=nan, low=nan, high=nan, p_value=nan, undefined=reason
    )


def _tested(auc_a: float, auc_b: float, variance: float, confidence: float) -> PairedTest:
    """The normal interval and p-value of a difference with that variance; NaN: not known."""
    difference = auc_a - auc_b
    low = high = p_value = math.nan
    reason = ""
    if math.isnan(variance):
        reason = "needs at least two images of each class"
    elif variance > 0:
        normal, error = NormalDist(), math.sqrt(variance)
        reach = normal.inv_cdf((1 + confidence) / 2) * error
        low, high = difference - reach, difference + reach
        p_value = math.erfc(abs(difference) / error / math.sqrt(2))
    elif difference == 0:
        low, high, p_value = 0.0, 0.0, 1.0
        reason = "every image counts alike for both, so the interval has no width"
    else:
        reason = "the images do not vary, so the doubt about the difference cannot be estimated"
    return PairedTest(
        auc_a=auc_a,
        auc_b=auc_b,
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        undefined=reason,
    )


def _spread(values: Float64[NDArray[Any], " n"]) -> float:
    """Variance of the mean; NaN for a single value."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.nan


def _columns(
    is_fake: ArrayLike, a: ArrayLike, b: ArrayLike
) -> tuple[Bool[NDArray[Any], " n"], Float64[NDArray[Any], "2 n"]]:
    """The truth, and both scores as rows."""
    fakes = np.asarray(is_fake, dtype=bool)
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if fakes.ndim != 1 or not fakes.shape == one.shape == other.shape:
        raise ValueError(
            "is_fake and both scores must be flat and equally long, got "
            f"{fakes.shape}, {one.shape} and {other.shape}"
        )
    return fakes, np.stack([one, other])
