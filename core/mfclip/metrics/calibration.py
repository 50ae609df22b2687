"""Calibration: of the images that got ``p_fake`` 0.8, are 80 % fake?

The bins hold equally many images each, so none is read off a handful. Each has a Wilson interval.
Where images depend on each other (identities, videos), the interval is that of the smaller number
of independent images that would leave the same doubt (Korn and Graubard 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int
from numpy.typing import ArrayLike, NDArray

from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.units import clusters


@dataclass(frozen=True)
class Bin:
    """Images of neighbouring ``p_fake``."""

    images: int
    p_fake: float
    """Mean of what the detector said."""
    fakes: float
    """Share that is fake."""
    low: float
    """Lower end of that share's interval."""
    high: float
    """Upper end."""
    effective: float
    """Independent images that would tell as much; at most ``images``."""


@dataclass(frozen=True)
class CalibrationCurve:
    """What the detector said against what is true. Shares, 0-1."""

    bins: tuple[Bin, ...]
    """By rising ``p_fake``. Fewer than asked for where many images have the same."""
    error: float
    """Expected calibration error: mean gap between ``p_fake`` and share of fakes over images."""
    error_by_chance: float
    """The error that a perfectly calibrated detector would show on as many independent images:
    an error is only evidence where it is clearly larger."""
    confidence: float
    """Coverage of the bins' intervals."""
    undefined: str = ""
    """Why there are no bins."""


def calibration_curve(
    is_fake: ArrayLike,
    p_fake: ArrayLike,
    *,
    bins: int = 10,
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> CalibrationCurve:
    """The curve and error of probabilities, 0-1.

    One class is enough. Without images, or with a NaN, there are no bins and the errors are NaN.

    Args:
        is_fake: Truth of n images.
        p_fake: Calibrated or not, n values.
        bins: How many, of equally many images each; equal ``p_fake`` are never torn apart.
        confidence: Coverage of the intervals.
        cluster: Number of each image's identity or video; without it, all are independent.

    Raises:
        ValueError: The columns differ in length, a value is no probability, or ``bins`` is below 1.
    """
    fakes, said, unit = _columns(is_fake, p_fake, cluster)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if not fakes.size or np.isnan(said).any():
        reason = "a score is NaN" if fakes.size else "no images"
        return CalibrationCurve((), math.nan, math.nan, confidence, reason)
    places = _places(said, bins)
    found = tuple(_bin(fakes[at], said[at], unit[at], confidence) for at in places)
    gaps = sum(each.images * abs(each.fakes - each.p_fake) for each in found)
    by_chance = sum(_mean_gap(said[at]) for at in places)
    return CalibrationCurve(found, gaps / len(said), by_chance / len(said), confidence)


def calibration_of(
    table: ScoreTable, operating: OperatingPoints, *, bins: int = 10, confidence: float = 0.95
) -> CalibrationCurve:
    """The curve of a table's scored images, with its identities and videos kept whole."""
    scored = table.scored()
    return calibration_curve(
        scored.is_fake,
        operating.p_fake(scored.log_odds),
        bins=bins,
        confidence=confidence,
        cluster=clusters(scored),
    )


def wilson(share: float, images: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share, 0-1, seen on that many independent images."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    weight = z * z / images
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / images + weight / images / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _places(said: Float64[NDArray[Any], " n"], bins: int) -> list[Int[NDArray[Any], " k"]]:
    """Where the images of each bin are; a value on an edge belongs below it."""
    # The quantiles by whole numbers: rounding would let an image change its bin.
    edges = np.sort(said)[np.arange(1, bins) * (len(said) - 1) // bins]
    number = np.searchsorted(edges, said)
    return [np.flatnonzero(number == which) for which in np.unique(number)]


def _bin(
    fakes: Bool[NDArray[Any], " k"],
    said: Float64[NDArray[Any], " k"],
    unit: Int[NDArray[Any], " k"],
    confidence: float,
) -> Bin:
    share = float(fakes.mean())
    effective = _effective(fakes, unit)
    low, high = wilson(share, effective, confidence)
    return Bin(len(fakes), float(said.mean()), share, low, high, effective)


def _effective(fakes: Bool[NDArray[Any], " k"], unit: Int[NDArray[Any], " k"]) -> float:
    """Independent images that leave as much doubt about the share of fakes."""
    images, share = len(fakes), float(fakes.mean())
    _, numbered = np.unique(unit, return_inverse=True)
    units = int(numbered.max()) + 1
    if units == images:
        return float(images)
    if share in (0.0, 1.0) or units == 1:
        # Nothing varies, so the doubt cannot be estimated: units may be all alike inside.
        return float(units)
    sums = np.bincount(numbered, weights=fakes - share)
    clustered = float(sums @ sums) / images**2 * units / (units - 1)
    independent = share * (1 - share) / (images - 1)
    return images / max(1.0, clustered / independent)


def _mean_gap(said: Float64[NDArray[Any], " k"]) -> float:
    """Mean of |fakes - expected fakes| in a bin whose labels are drawn from ``said``.

    By the normal approximation of their sum.
    """
    return math.sqrt(2 / math.pi * float(np.sum(said * (1 - said))))


def _columns(
    is_fake: ArrayLike, p_fake: ArrayLike, cluster: ArrayLike | None
) -> tuple[Bool[NDArray[Any], " n"], Float64[NDArray[Any], " n"], Int[NDArray[Any], " n"]]:
    """All three as flat arrays of one length."""
    fakes, said = np.asarray(is_fake, dtype=bool), np.asarray(p_fake, dtype=np.float64)
    unit = np.arange(len(fakes)) if cluster is None else np.asarray(cluster, dtype=np.int64)
    if fakes.ndim != 1 or not fakes.shape == said.shape == unit.shape:
        raise ValueError(
            "is_fake, p_fake and cluster must be flat and equally long, got "
            f"{fakes.shape}, {said.shape} and {unit.shape}"
        )
    if (said < 0).any() or (said > 1).any():
        raise ValueError(f"p_fake must be 0 to 1, got {said.min():g} to {said.max():g}")
    return fakes, said, unit
