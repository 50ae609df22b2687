"""Texture diversity: the GLCM homogeneity of every patch of a batch, without any matrix.

With P(i, j) the normalised grey-level co-occurrence matrix, homogeneity is the sum of
P(i, j) / (1 + (i - j)^2). For distance 1 and angle 0 that is exactly the mean of 1 / (1 + D^2)
over the horizontally neighbouring pixel pairs inside the patch, D being their difference in grey
levels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Int16
from torch import Tensor

from mfclip_vision.grey import grey_levels


def pair_of_equals(patch_size: int) -> int:
    """What two equal pixels add to the sum, in fixed point: the most that 32 bits can sum up.

    Sums of integers do not depend on their order, so equal patches score equally on every
    device and with any number of threads.
    """
    return int(2 ** (30 - patch_size.bit_length()))


def homogeneity_sums(
    levels: Int16[Tensor, "batch height width"], patch_size: int
) -> Int[Tensor, "batch rows columns"]:
    """Fixed-point sum of 1 / (1 + D^2) over the pixel pairs of each patch."""
    batch, height, width = levels.shape
    rows, columns = height // patch_size, width // patch_size
    # The last axis ends where the patch ends, so no pair crosses its border.
    patches = levels.reshape(batch, rows, patch_size, columns, patch_size)
    difference = (patches[..., 1:] - patches[..., :-1]).float()
    one = difference.new_tensor(1.0)
    equal = difference.new_tensor(float(pair_of_equals(patch_size)))
    # In place: 1 + D^2 is a whole number below 2^24, hence exact.
    weight = torch.addcmul(one, difference, difference, out=difference)
    score = torch.div(equal, weight, out=weight).to(torch.int32)
    return score.sum(dim=2, dtype=torch.int32).sum(dim=3)


def homogeneity(
    images: Float[Tensor, "batch 3 height width"], patch_size: int
) -> Float[Tensor, "batch rows columns"]:
    """GLCM homogeneity (distance 1, angle 0, 256 levels, symmetric, normed) of each patch.

    0 to 1; the smaller, the richer the texture.
    """
    sums = homogeneity_sums(grey_levels(images), patch_size)
    return sums.double() / (pair_of_equals(patch_size) * patch_size * (patch_size - 1))
