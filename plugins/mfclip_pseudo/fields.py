"""What the pseudo-fakes share: checked images, smooth random fields, blurring, resizing."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional


def draws(seed: int) -> np.random.Generator:
    """Whatever is drawn for one image, from its seed alone."""
    return np.random.default_rng(seed)


def levels(image: UInt8[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
    """The image as float32, 0-255; a copy.

    Raises
    ------
    ValueError
        Where it is no uint8 image of three channels.
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        got = f"{tuple(image.shape)} of {image.dtype}"
        raise ValueError(f"an image is (3, H, W) of torch.uint8, got {got}")
    return image.float()


def rounded(values: Float[Tensor, "3 height width"]) -> UInt8[Tensor, "3 height width"]:
    """The nearest levels, 0-255."""
    return values.clamp(0, 255).round().to(torch.uint8)


def resized(
    values: Float[Tensor, "c height width"], height: int, width: int, mode: str = "bicubic"
) -> Float[Tensor, "c rows columns"]:
    """Resized; where it gets smaller, filtered against aliasing."""
    found = functional.interpolate(values[None], (height, width), mode=mode, antialias=True)
    return found[0]


def smooth_field(
    height: int, width: int, draw: np.random.Generator, cells: int = 5
) -> Float[Tensor, "2 height width"]:
    """Two smooth random fields, each of largest magnitude 1: bicubic through cells x cells."""
    coarse = torch.from_numpy(draw.uniform(-1, 1, (2, cells, cells))).float()
    fine = functional.interpolate(
        coarse[None], (height, width), mode="bicubic", align_corners=True
    )[0]
    return fine / fine.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)


def places(height: int, width: int) -> tuple[Float[Tensor, "height 1"], Float[Tensor, "1 width"]]:
    """The middles of the pixels, as shares of the sides: rows, columns; 0-1."""
    rows = (torch.arange(height, dtype=torch.float32) + 0.5) / height
    columns = (torch.arange(width, dtype=torch.float32) + 0.5) / width
    return rows[:, None], columns[None]


def blurred(
    values: Float[Tensor, "c height width"], sigma: float
) -> Float[Tensor, "c height width"]:
    """Gaussian blur of ``sigma`` pixels, cut off at 3 sigma; beyond the border lie zeros."""
    radius = math.ceil(3 * sigma)
    if radius < 1:
        return values
    taps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-taps.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum())[None, None]  # (1, 1, taps)
    along = functional.conv2d(values[:, None], kernel[:, :, None], padding=(0, radius))
    return functional.conv2d(along, kernel[..., None], padding=(radius, 0))[:, 0]
