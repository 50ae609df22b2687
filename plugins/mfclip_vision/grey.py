"""Grey levels of a batch, exactly those of a float64 computation, at the price of float32.

grey = 0.2989 R + 0.587 G + 0.114 B, times 255, cut (not rounded) to a whole level 0-255.
Because it is cut, an error of one part in ten million moves a pixel by a whole level where the
exact value is an integer, as it is for one 8-bit colour in ten thousand.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int16
from torch import Tensor

WEIGHTS = (0.2989, 0.587, 0.114)
"""Of red, green and blue."""
ERROR = 2.4e-7
"""Largest relative error of the sum in float32: four roundings of 2^-24 each."""


def exact_levels(
    images: Float[Tensor, "batch 3 *pixels"],
) -> Int16[Tensor, batch * pixels]:
    """The definition, in float64."""
    red, green, blue = images.unbind(1)
    grey = red.double().mul_(WEIGHTS[0])
    grey.add_(green.double(), alpha=WEIGHTS[1]).add_(blue.double(), alpha=WEIGHTS[2])
    # Cut by an operation of its own: runtimes that fuse casts between floats drop the cut of one.
    return grey.mul_(255).floor_().to(torch.int16)


def quick_levels(
    images: Float[Tensor, "batch 3 height width"],
) -> Int16[Tensor, "batch height width"]:
    """The same levels in about a third of the time, on a CPU.

    A float32 sum that is never too small: where it lies just above a whole level the exact value
    may lie just below it, and the few rows with such a pixel are computed again in float64.
    """
    red, green, blue = images.unbind(1)
    scale = [255 * (1 + ERROR) * weight for weight in WEIGHTS]
    grey = red * scale[0]
    grey.add_(green, alpha=scale[1]).add_(blue, alpha=scale[2])
    levels = grey.to(torch.int16)
    doubtful = (grey.frac_().amin(2) < 255 * 2 * ERROR).nonzero(as_tuple=True)
    if len(doubtful[0]):
        levels[doubtful] = exact_levels(images.transpose(1, 2)[doubtful])
    return levels


def grey_levels(
    images: Float[Tensor, "batch 3 height width"],
) -> Int16[Tensor, "batch height width"]:
    """Grey level 0-255 of every pixel of images in 0-1."""
    images = images.float()
    if images.device.type == "cpu" and not torch.compiler.is_compiling():
        return quick_levels(images)
    # Rows picked by their content would make a GPU wait, and a compiled graph break.
    return exact_levels(images)
