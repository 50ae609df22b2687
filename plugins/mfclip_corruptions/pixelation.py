"""Pixelation: made small and large again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from mfclip_corruptions.colour import divided


def pixelate(
    images: UInt8[Tensor, "batch 3 height width"], factor: int, seeds: Sequence[int]
) -> UInt8[Tensor, "batch 3 height width"]:
    """Resize to floor(H / factor) x floor(W / factor), one at least, and back. Not random.

    Both by :func:`resize`, so the small image is of whole levels too.
    """
    height, width = images.shape[-2:]
    small = resize(images, max(1, height // factor), max(1, width // factor))
    return resize(small, height, width)


def resize(
    images: UInt8[Tensor, "batch 3 height width"], height: int, width: int
) -> UInt8[Tensor, "batch 3 rows columns"]:
    """Bilinear interpolation between pixel centres, exact and then rounded, halves up.

    Without a filter against aliasing: making an image smaller reads the two nearest pixels in
    each direction and leaves out the rest. Borders are repeated.
    """
    rows = _stretched(images.long(), height, -2)
    return divided(_stretched(rows, width, -1), 4 * height * width).to(images.dtype)


def _stretched(values: Int64[Tensor, "*image"], size: int, dim: int) -> Int64[Tensor, "*image"]:
    """Interpolate to ``size`` along one dimension; the result is 2 x ``size`` times too large."""
    length, scale = values.shape[dim], 2 * size
    # Place i lies at ((2 i + 1) length - size) / (2 size) pixels of the source.
    place = (2 * torch.arange(size, device=values.device) + 1) * length - size
    first, share = place.div(scale, rounding_mode="floor"), place.remainder(scale)
    shape = [1] * values.ndim
    shape[dim] = size
    share = share.view(shape)
    near = values.index_select(dim, first.clamp(0, length - 1))
    far = values.index_select(dim, (first + 1).clamp(0, length - 1))
    return near * (scale - share) + far * share
