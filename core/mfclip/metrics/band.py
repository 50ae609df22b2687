"""A band of scores without a verdict: outside it, wrong verdicts are as rare as was asked for.

Class-conditional split conformal prediction (Vovk, Gammerman and Shafer 2005). With n validation
reals, k = ceil((n + 1) (1 - e)) and q the k-th smallest of their scores, a new real that is
exchangeable with them scores above q with probability at most e, and at least e - 1 / (n + 1) where
no scores are equal. ``fake`` is said only above q, so at most a share e of reals is called fake;
``real``, the same with the fakes turned round. Nothing is assumed of the detector or its scores.

The probability is over the validation images as well. Given one validation split, the share is
itself random: without equal scores it is Beta(n + 1 - k, k), of which :attr:`Band.worst` tells the
95 % quantile. It is a share of all reals, or of all fakes, and not of the verdicts that were given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mfclip.data.labels import Verdict

SURE = 0.95
"""Of the validation splits that could have been drawn, the share that :attr:`Band.worst` holds
for."""


class Band(BaseModel):
    """Below ``low`` an image is real, from ``high`` on it is fake, between them it is uncertain."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    error: float = Field(gt=0, lt=0.5)
    """Wanted: the largest share of reals called fake, and of fakes called real."""
    low: float | None = Field(default=None, ge=0, le=1)
    """On ``p_fake``; None where the band cannot be fitted."""
    high: float | None = Field(default=None, ge=0, le=1)
    """On ``p_fake``; at least ``low``. Equal to it: no image is uncertain."""
    reals: int = Field(default=0, ge=0)
    """Real images fitted on."""
    fakes: int = Field(default=0, ge=0)
    """Fake images fitted on."""
    reason: str = ""
    """Why there is none."""

    @property
    def fitted(self) -> bool:
        """Whether there is a band."""
        return self.low is not None and self.high is not None

    @property
    def worst(self) -> tuple[float, float]:
        """Shares of reals called fake and of fakes called real, each not exceeded by 95 % of the
        detectors that are fitted on so many validation images."""
        return _worst(self.reals, self.error), _worst(self.fakes, self.error)

    def verdict(self, p_fake: float) -> Verdict:
        """What to call an image. Raises :class:`ValueError` where there is no band."""
        if self.low is None or self.high is None:
            raise ValueError(f"there is no band: {self.reason}")
        if p_fake >= self.high:
            return "fake"
        return "real" if p_fake < self.low else "uncertain"


def fit_band(
    p_fake: Float64[NDArray[Any], " n"],
    is_fake: Bool[NDArray[Any], " n"],
    error: float,
    threshold: float,
) -> Band:
    """Fit the band on validation scores, none of them NaN.

    Where the classes are further apart than the error needs, the band is empty: ``low`` and
    ``high`` are one value between them, ``threshold`` where it lies there.
    """
    reals, fakes = np.sort(p_fake[~is_fake]), np.sort(p_fake[is_fake])
    counts = {"reals": len(reals), "fakes": len(fakes)}
    needed = fewest(error)
    if min(counts.values()) < needed:
        reason = (
            f"an error of {error:g} needs at least {needed} real and {needed} fake validation "
            f"images, got {len(reals)} and {len(fakes)}"
        )
        return Band(error=error, reason=reason, **counts)
    highest_real = reals[rank(len(reals), error) - 1]
    lowest_fake = fakes[len(fakes) - rank(len(fakes), error)]
    if highest_real < lowest_fake:
        inside = highest_real < threshold <= lowest_fake
        cut = float(threshold) if inside else _above(highest_real, lowest_fake)
        return Band(error=error, low=cut, high=cut, **counts)
    if highest_real >= 1 or lowest_fake <= 0:
        which = (
            "real validation images have p_fake 1"
            if highest_real >= 1
            else ("fake validation images have p_fake 0")
        )
        return Band(error=error, reason=f"more than {error:.1%} of the {which}", **counts)
    # Above the one, below the other: of the images fitted on, none more than need be is uncertain.
    high = float(np.nextafter(highest_real, 1))
    return Band(error=error, low=float(lowest_fake), high=high, **counts)


def rank(images: int, error: float) -> int:
    """k: which of so many scores of a class, sorted from the safe side, the band ends at."""
    # A product that rounding lifts above a whole number must not lift the rank.
    return math.ceil(round((images + 1) * (1 - error), 9))


def fewest(error: float) -> int:
    """Images of a class without which no score is extreme enough."""
    return next(n for n in range(math.floor(1 / error) - 2, 2**31) if n > 0 and rank(n, error) <= n)


def _above(below: float, above: float) -> float:
    """Midway between two scores; above the lower one whatever rounding does."""
    middle = below + (above - below) / 2
    return float(middle if middle > below else above)


def _worst(images: int, error: float) -> float:
    from scipy.stats import beta

    k = rank(images, error)
    return float(beta.ppf(SURE, images + 1 - k, k)) if images >= k else math.nan
