"""Texture diversity: the GLCM homogeneity of every patch of a batch, without any matrix.

With P(i, j) the normalised grey-level co-occurrence matrix, homogeneity = sum of
P(i, j) / (1 + (i - j)^2). For distance 1 and angle 0 that is exactly the mean of 1 / (1 + D^2)
over the horizontally neighbouring pixel pairs inside the patch, D being their difference in grey
levels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

GREY_WEIGHTS = (0.2989, 0.587, 0.114)
"""Of red, green and blue."""
EPSILON = 5e-5
"""Grey levels. An 8-bit colour's exact grey is a multiple of 1e-4 levels; half a step keeps the
ones that are whole numbers from being cut to the level below by a rounding error."""
ONE = 2**32
"""A pair of equal pixels in fixed point. Sums of integers do not depend on their order, so equal
patches score equally on every device and with any number of threads."""


def grey_levels(
    images: Float[Tensor, "batch 3 height width"],
) -> UInt8[Tensor, "batch height width"]:
    """0.2989 R + 0.587 G + 0.114 B, times 255, cut (not rounded) to 0-255."""
    red, green, blue = images.double().unbind(1)
    grey = GREY_WEIGHTS[0] * red + GREY_WEIGHTS[1] * green + GREY_WEIGHTS[2] * blue
    return (grey * 255 + EPSILON).clamp(0, 255).to(torch.uint8)


def pair_scores(device: torch.device) -> Int[Tensor, " 256"]:
    """1 / (1 + D^2) in fixed point, for D of 0 to 255 grey levels."""
    difference = torch.arange(256, device=device)
    return torch.div(ONE, 1 + difference.square(), rounding_mode="floor")


def homogeneity_sums(
    grey: UInt8[Tensor, "batch height width"], patch_size: int
) -> Int[Tensor, "batch rows columns"]:
    """Fixed-point sum of 1 / (1 + D^2) over the pairs of each patch. The same order of patches
    as the homogeneity itself, and exactly comparable."""
    batch, height, width = grey.shape
    # (B, rows, p, columns, p): the last axis ends where the patch ends, so no pair crosses it.
    patches = grey.view(batch, height // patch_size, patch_size, width // patch_size, patch_size)
    levels = patches.to(torch.int16)
    difference = (levels[..., 1:] - levels[..., :-1]).abs()
    return pair_scores(grey.device)[difference.int()].sum(dim=(2, 4))


def homogeneity(
    images: Float[Tensor, "batch 3 height width"], patch_size: int
) -> Float[Tensor, "batch rows columns"]:
    """GLCM homogeneity (distance 1, angle 0, 256 levels, symmetric, normed) of each patch.

    0 to 1; the smaller, the richer the texture.
    """
    sums = homogeneity_sums(grey_levels(images), patch_size)
    return sums.double() / (ONE * patch_size * (patch_size - 1))
