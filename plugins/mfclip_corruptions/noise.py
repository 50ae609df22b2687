"""White Gaussian noise, coloured: added in YCbCr."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from mfclip_corruptions.colour import FROM_SCALE, FROM_YCBCR
from mfclip_corruptions.levels import randomness


def add_noise(
    images: UInt8[Tensor, "batch 3 height width"], variance: float, seeds: Sequence[int]
) -> UInt8[Tensor, "batch 3 height width"]:
    """Add noise of ``variance`` to Y, Cb and Cr on a scale of 0-1, where 1 is level 255.

    Y is 16-235 and Cb, Cr are 16-240 of 255 (BT.601), so a unit of noise is more than a unit in
    RGB. As the conversion is linear, the noise is converted and the image is not: RGB' = RGB +
    255 sqrt(variance) M n, with n of three independent standard normal values a pixel and M of
    :data:`mfclip_corruptions.colour.FROM_YCBCR`. The sum is clipped to 0-255, then rounded to the
    nearest level, halves up. One seed draws one pattern: another variance only scales it.
    """
    noise = torch.stack([_rgb_noise(images.shape[-2:], seed) for seed in seeds])
    levels = images.double() + 255 * math.sqrt(variance) * noise.to(images.device)
    return levels.clamp_(0, 255).add_(0.5).floor_().to(images.dtype)


def _rgb_noise(size: torch.Size, seed: int) -> Float64[Tensor, "3 height width"]:
    noise = torch.randn(3, *size, generator=randomness(seed))
    matrix = torch.tensor(FROM_YCBCR, dtype=torch.float64) / FROM_SCALE
    return torch.mm(matrix, noise.double().flatten(1)).view_as(noise)
