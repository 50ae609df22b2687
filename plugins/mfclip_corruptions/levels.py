"""What every corruption here is once built: a function over a batch, and its five parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from jaxtyping import UInt8
from torch import Tensor

LEVELS = range(1, 6)
"""Levels of severity: 1 the weakest, 5 the strongest."""
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Levelled(Generic[P]):
    """A corruption: image (3, H, W), uint8, RGB; level 1-5; seed -> image of the same shape.

    The result lies on the image's device and depends on the image, the level and the seed alone.
    """

    apply: Callable[[UInt8[Tensor, "batch 3 height width"], P, Sequence[int]], Tensor]
    """``apply(images, parameter, seeds)``: all images at one parameter, each with its own seed."""
    parameters: tuple[P, ...]
    """Parameter of each level, level 1 first."""

    def __call__(
        self, image: UInt8[Tensor, "3 height width"], level: int, seed: int
    ) -> UInt8[Tensor, "3 height width"]:
        """Corrupt one image; the one that goes in is left as it is.

        Raises
        ------
        ValueError
            Where ``level`` is not 1 to 5, or ``image`` is no uint8 image of three channels.
        """
        if image.ndim != 3:
            raise ValueError(f"one image has the shape (3, H, W), got {tuple(image.shape)}")
        return self.batch(image[None], level, [seed])[0]

    def batch(
        self, images: UInt8[Tensor, "batch 3 height width"], level: int, seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch 3 height width"]:
        """Corrupt images of one size: each as it would be alone, with the seed in its place.

        Raises
        ------
        ValueError
            As for one image, and where there is not one seed for each image.
        """
        if level not in LEVELS:
            raise ValueError(f"level is 1 to {LEVELS[-1]}, got {level}")
        if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
            got = f"{tuple(images.shape)} of {images.dtype}"
            raise ValueError(f"images are (B, 3, H, W) of torch.uint8, got {got}")
        if len(seeds) != len(images):
            raise ValueError(f"each image has a seed, got {len(images)} and {len(seeds)}")
        if not images.numel():
            return images.clone()
        return self.apply(images, self.parameters[int(level) - 1], seeds)


def randomness(seed: int) -> torch.Generator:
    """A generator of its own for one image, on the CPU, so that every device draws the same."""
    return torch.Generator().manual_seed(seed % 2**63)
