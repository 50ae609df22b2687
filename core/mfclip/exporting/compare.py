"""How far an exported model's scores lie from the bundle's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from torch import Tensor

from mfclip.errors import ExportDiffers
from mfclip.metrics.operating import OperatingPoints

Probabilities = Callable[[Sequence[Tensor]], Float64[NDArray[np.float64], " batch"]]
"""Decoded samples -> ``p_fake``."""
BATCHES = (1, 2, 3, 8)
"""Images a batch: these in turn, the last one again and again."""


@dataclass(frozen=True)
class Difference:
    """Of ``p_fake``, between two models on the same images."""

    images: int
    largest: float
    mean: float
    verdicts: int
    """Images that get another verdict at the bundle's threshold."""
    source: str = ""
    """What images they are."""

    def __str__(self) -> str:
        """A line for people."""
        others = f"{self.verdicts} other verdicts" if self.verdicts != 1 else "1 other verdict"
        return (
            f"p_fake differs by at most {self.largest:.2g}, by {self.mean:.2g} on average; "
            f"{others} ({self.source or f'{self.images} images'})"
        )


def differ(
    one: Probabilities,
    other: Probabilities,
    samples: Sequence[Tensor],
    operating: OperatingPoints,
    source: str = "",
) -> Difference:
    """Compare two models on every sample, in batches of several sizes."""
    pairs = [(one(batch), other(batch)) for batch in _batches(samples)]
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    gaps = np.abs(first - second)
    flagged = (first >= operating.threshold) != (second >= operating.threshold)
    # A NaN on either side must not pass for agreement.
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    return Difference(len(gaps), float(gaps.max()), float(gaps.mean()), int(flagged.sum()), source)


def require(found: Difference, tolerance: float, advice: str) -> None:
    """Raise :class:`ExportDiffers` where the largest difference is over the tolerance."""
    if found.largest > tolerance:
        raise ExportDiffers(
            f"the exported model is not the bundle's: {found}; allowed is a difference of "
            f"{tolerance:g}. Nothing was written. {advice}"
        )


def _batches(samples: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    start = 0
    for size in chain(BATCHES, repeat(BATCHES[-1])):
        if start >= len(samples):
            return
        yield samples[start : start + size]
        start += size
