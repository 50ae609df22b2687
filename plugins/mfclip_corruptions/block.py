"""Block-wise distortion: small grey squares at random places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip_corruptions.levels import randomness

SIDE = 8
"""Pixels a side of a block."""
GREY = 128
"""Level of all its pixels."""
UNIT = 256
"""Pixels of the shorter side of an image for which the counts of the levels are meant."""

Count = Literal["scaled", "original"]
"""How many blocks an image gets whose shorter side is not a multiple of :data:`UNIT`."""


def block_count(height: int, width: int, blocks: int, count: Count) -> int:
    """Blocks of an image, from ``blocks``, those of an image of 256 pixels.

    ``scaled``: blocks x side / 256, to the nearest, halves up, and at least one. ``original``:
    blocks x floor(side / 256), none below 256 pixels. Both agree at multiples of 256.
    """
    side = min(height, width)
    if count == "original":
        return side // UNIT * blocks
    return max(1, (2 * side * blocks + UNIT) // (2 * UNIT))


def add_blocks(
    images: UInt8[Tensor, "batch 3 height width"],
    blocks: int,
    seeds: Sequence[int],
    *,
    count: Count,
) -> UInt8[Tensor, "batch 3 height width"]:
    """Set 8 x 8 pixels to grey at each of :func:`block_count` places.

    Every place at which the block lies inside the image is as likely as any other; blocks may
    overlap. A larger count adds blocks to those of a smaller one with the same seed.
    """
    height, width = images.shape[-2:]
    number = block_count(height, width, blocks, count)
    corrupted = images.clone()
    room = torch.tensor([max(0, height - SIDE), max(0, width - SIDE)]) + 1
    for image, seed in zip(corrupted, seeds, strict=True):
        # Drawn pair by pair, so that fewer pairs are the first ones of many; of so large a range
        # that the remainder favours no place by more than one in ten thousand.
        drawn = torch.randint(2**31, (number, 2), generator=randomness(seed))
        for top, left in (drawn % room).tolist():
            image[:, top : top + SIDE, left : left + SIDE] = GREY
    return corrupted
