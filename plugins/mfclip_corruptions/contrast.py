"""Colour contrast: pixel values moved towards black, or towards the mean grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Int32, UInt8
from torch import Tensor

from mfclip_corruptions.colour import brightness, divided

About = Literal["black", "mean"]
"""The value that stays."""


def reduce_contrast(
    images: UInt8[Tensor, "batch 3 height width"],
    thousandths: int,
    seeds: Sequence[int],
    *,
    about: About,
) -> UInt8[Tensor, "batch 3 height width"]:
    """C' = m + f (C - m) with f = ``thousandths`` / 1000, 0 to 1. Not random.

    m is 0 about black. About the mean it is the image's mean brightness, a whole level. Rounded
    to the nearest level, halves up; m and C are levels, so nothing is clipped.
    """
    values = thousandths * images.int()
    if about == "mean":
        values = values + (1000 - thousandths) * mean_level(images)
    return divided(values, 1000).to(images.dtype)


def mean_level(images: UInt8[Tensor, "batch 3 height width"]) -> Int32[Tensor, "batch 1 1 1"]:
    """Mean of 0.299 R + 0.587 G + 0.114 B over each image, to the nearest level, halves up."""
    pixels = images.shape[-2] * images.shape[-1]
    total = brightness(images).long().sum(dim=(1, 2, 3), keepdim=True)
    return divided(total, 1000 * pixels).int()
