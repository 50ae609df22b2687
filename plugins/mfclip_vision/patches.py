"""Patch selector PS: the richest, or the poorest, patch of every image (III-C, Fig. 5)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mfclip.errors import UsageError
from mfclip_vision.grey import grey_levels
from mfclip_vision.homogeneity import homogeneity_sums, least_homogeneous

Choice = Literal["richest", "poorest"]


class Selection(NamedTuple):
    """One patch an image."""

    box: Float[Tensor, "batch 4"]
    """left, top, right, bottom; pixels."""
    patch: Float[Tensor, "batch 3 p p"]
    """The pixels, 0-1."""


def choose_patches(
    images: Float[Tensor, "batch 3 height width"], patch_size: int, choose: Choice = "richest"
) -> Int[Tensor, " batch"]:
    """Number of the chosen patch of each image, counted row by row from the top left.

    The richest patch has the lowest homogeneity. Of equal patches the first is taken.
    """
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        if torch.compiler.is_compiling():
            sign = 1 if choose == "richest" else -1
            return least_homogeneous(grey_levels(images), patch_size, sign)
        sums = homogeneity_sums(grey_levels(images), patch_size).flatten(1)
        # Both give the first of several equal extremes.
        return sums.argmin(1) if choose == "richest" else sums.argmax(1)


def select_patches(
    images: Float[Tensor, "batch 3 height width"], patch_size: int, choose: Choice = "richest"
) -> Selection:
    """Cut each image into patches without overlap and keep the richest or the poorest one.

    Raises :class:`mfclip.errors.UsageError` where the patch does not divide the image.
    """
    height, width = images.shape[-2:]
    if height % patch_size or width % patch_size:
        raise UsageError(
            f"patches of {patch_size} pixels do not divide images of {height}x{width} pixels; "
            "take a patch size that divides both sides"
        )
    number = choose_patches(images, patch_size, choose)
    row, column = number // (width // patch_size), number % (width // patch_size)
    # (B, 3, rows, columns, p, p), a view
    patches = images.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size)
    patch = patches[torch.arange(len(images), device=images.device), :, row, column]
    corner = torch.stack([column, row, column + 1, row + 1], dim=1)
    return Selection((corner * patch_size).to(torch.float32), patch)
