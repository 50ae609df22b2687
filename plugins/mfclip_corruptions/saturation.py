"""Colour saturation: chroma moved towards grey."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import UInt8
from torch import Tensor

from mfclip_corruptions.colour import brightness, divided


def saturate(
    images: UInt8[Tensor, "batch 3 height width"], tenths: int, seeds: Sequence[int]
) -> UInt8[Tensor, "batch 3 height width"]:
    """Scale Cb and Cr about grey by ``tenths`` / 10, 0 to 10; luma stays. Not random.

    In YCbCr of any range this is, for each channel C of a pixel of brightness
    Y = 0.299 R + 0.587 G + 0.114 B,

        C' = s C + (1 - s) Y

    computed in whole numbers and rounded to the nearest level, halves up. A mean of levels is a
    level, so nothing is clipped and nothing wraps around.
    """
    grey = (10 - tenths) * brightness(images)
    return divided(1000 * tenths * images.int() + grey, 10_000).to(images.dtype)
