"""Texture diversity: the GLCM homogeneity of every patch of a batch, without any matrix.

With P(i, j) the normalised grey-level co-occurrence matrix, homogeneity is the sum of
P(i, j) / (1 + (i - j)^2). For distance 1 and angle 0 that is exactly the mean of 1 / (1 + D^2)
over the horizontally neighbouring pixel pairs inside the patch, D being their difference in grey
levels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Int16, Int32
from torch import Tensor

from mfclip_vision.grey import grey_levels


def pair_of_equals(patch_size: int) -> int:
    """What two equal pixels add to the sum, in fixed point: the most that 32 bits can sum up.

    Sums of integers do not depend on their order, so equal patches score equally on every
    device and with any number of threads.
    """
    return int(2 ** (30 - patch_size.bit_length()))


def pair_weights(
    levels: Int16[Tensor, "batch height width"], patch_size: int
) -> Int32[Tensor, "batch rows p columns pairs"]:
    """Fixed-point 1 / (1 + D^2) of each pixel pair; axes 2 and 4 run inside a patch."""
    batch, height, width = levels.shape
    rows, columns = height // patch_size, width // patch_size
    # The last axis ends where the patch ends, so no pair crosses its border.
    patches = levels.reshape(batch, rows, patch_size, columns, patch_size)
    difference = (patches[..., 1:] - patches[..., :-1]).float()
    one = difference.new_full((), 1.0)
    equal = difference.new_full((), float(pair_of_equals(patch_size)))
    # In place: 1 + D^2 is a whole number below 2^24, hence exact.
    weight = torch.addcmul(one, difference, difference, out=difference)
    return torch.div(equal, weight, out=weight).to(torch.int32)


def homogeneity_sums(
    levels: Int16[Tensor, "batch height width"], patch_size: int
) -> Int[Tensor, "batch rows columns"]:
    """Fixed-point sum of 1 / (1 + D^2) over the pixel pairs of each patch."""
    score = pair_weights(levels, patch_size)
    return score.sum(dim=2, dtype=torch.int32).sum(dim=3)


def least_homogeneous(
    levels: Int16[Tensor, "batch height width"], patch_size: int, sign: int = 1
) -> Int[Tensor, " batch"]:
    """Number of the patch with the smallest sum, of equal ones the first, in 32-bit numbers alone.

    Runtimes of exported models compute 64-bit integers in 32 bits, where the sums of smooth patches
    overflow. The sum is kept in two digits, and patches are compared by their distance from one
    that is least by the high digit. ``sign`` -1: the largest sum.
    """
    base = 2 ** ((30 - patch_size.bit_length()) // 2)
    weight = pair_weights(levels, patch_size)
    high = torch.div(weight, base, rounding_mode="floor")
    low = weight - high * base
    high, low = (
        sign * digit.sum(dim=2, dtype=torch.int32).sum(dim=3, dtype=torch.int32).flatten(1)
        for digit in (high, low)
    )
    near = high.argmin(1, keepdim=True)
    # Further above than all low digits together can make up for: kept from overflowing.
    above = (high - high.gather(1, near)).clamp(max=patch_size * patch_size)
    apart: Tensor = above * base + (low - low.gather(1, near))
    return apart.argmin(1)


def homogeneity(
    images: Float[Tensor, "batch 3 height width"], patch_size: int
) -> Float[Tensor, "batch rows columns"]:
    """GLCM homogeneity (distance 1, angle 0, 256 levels, symmetric, normed) of each patch.

    0 to 1; the smaller, the richer the texture.
    """
    sums = homogeneity_sums(grey_levels(images), patch_size)
    return sums.double() / (pair_of_equals(patch_size) * patch_size * (patch_size - 1))
