"""Gaussian blur in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from mfclip_corruptions.colour import divided

UNIT = 1 << 16
"""What the weights of a kernel sum to."""


def gaussian_kernel(taps: int) -> tuple[int, ...]:
    """Weights of a Gaussian with sigma = ``taps`` / 6 pixels, an odd number of whole numbers.

    exp(-x^2 / 2 sigma^2), scaled to sum to 65536 and rounded; the middle one takes what rounding
    leaves, so that the sum is exact.
    """
    radius, sigma = taps // 2, taps / 6
    curve = [math.exp(-(place**2) / (2 * sigma**2)) for place in range(-radius, radius + 1)]
    weights = [round(UNIT * value / sum(curve)) for value in curve]
    weights[radius] += UNIT - sum(weights)
    return tuple(weights)


def blur(
    images: UInt8[Tensor, "batch 3 height width"], taps: int, seeds: Sequence[int]
) -> UInt8[Tensor, "batch 3 height width"]:
    """Convolve rows and columns with :func:`gaussian_kernel`. Not random.

    Nothing is rounded between the two; the result goes to the nearest level, halves up. Beyond
    the border the image is mirrored without repeating its last pixel.
    """
    weights = gaussian_kernel(taps)
    # Floats that hold whole numbers, for speed: 255 x 2^16 is below 2^24, 255 x 2^32 below 2^53.
    wide = _along(images.float(), weights, -1)
    return divided(_along(wide.double(), weights, -2), UNIT**2).to(images.dtype)


def _along(
    values: Float[Tensor, "batch 3 height width"], weights: tuple[int, ...], dim: int
) -> Float[Tensor, "batch 3 height width"]:
    length, radius = values.shape[dim], len(weights) // 2
    places = mirrored(torch.arange(-radius, length + radius, device=values.device), length)
    padded = values.index_select(dim, places)
    total = torch.zeros_like(values)
    for start, weight in enumerate(weights):
        total.add_(padded.narrow(dim, start, length), alpha=weight)
    return total


def mirrored(places: Int64[Tensor, " places"], length: int) -> Int64[Tensor, " places"]:
    """Pixels 0 to ``length`` - 1 that stand for any places: -1 is 1, ``length`` is length - 2.

    A short image is mirrored as often as needed.
    """
    period = max(1, 2 * (length - 1))
    within = places.remainder(period)
    return torch.minimum(within, period - within)
