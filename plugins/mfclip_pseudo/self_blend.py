"""Self-blended images: a slightly changed copy of the image, blended into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mfclip_pseudo.fields import blurred, draws, levels, places, resized, rounded, smooth_field
from mfclip_pseudo.mask import blend, soft_mask

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma (BT.601)."""
LEAST = 4.0
"""Smallest shift of a channel, of 255."""


@dataclass(frozen=True, slots=True)
class SelfBlender:
    """Real image, another one that it leaves alone, seed -> the image blended with its own copy.

    The far corners stay as they are; the mask ends before them.
    """

    strengths: tuple[float, ...]
    """Shares of the copy inside the mask, to draw from."""
    colour: float
    """Largest shift of a channel, of 255."""
    move: float
    """Largest shift, as a share of the side."""
    scale: float
    """Largest change of size, as a share."""
    elastic: float
    """Largest elastic displacement, as a share of the side."""

    def __call__(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """Raises :class:`ValueError` for what is no image."""
        draw, before = draws(seed), levels(image)
        height, width = image.shape[-2:]
        copy = _coloured(before, self.colour, draw)
        copy = _sharpened(copy, draw) if draw.random() < 0.5 else _softened(copy, draw)
        copy = self._moved(copy, draw)
        mask = soft_mask(height, width, draw) * float(draw.choice(self.strengths))
        return rounded(blend(before, copy, mask))

    def _moved(
        self, copy: Float[Tensor, "3 height width"], draw: np.random.Generator
    ) -> Float[Tensor, "3 height width"]:
        """Shifted, scaled about its middle and bent; its border continues outwards."""
        height, width = copy.shape[-2:]
        down, across = draw.uniform(-self.move, self.move, 2)
        factor = 1 + draw.uniform(-self.scale, self.scale)
        bend = self.elastic * draw.random() * smooth_field(height, width, draw)
        rows, columns = places(height, width)
        y = (rows - 0.5) / factor + 0.5 - down + bend[0]
        x = (columns - 0.5) / factor + 0.5 - across + bend[1]
        grid = 2 * torch.stack([x, y], -1) - 1  # (H, W, 2), -1 to 1
        moved = functional.grid_sample(
            copy[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False
        )
        return moved[0]


def _coloured(
    image: Float[Tensor, "3 height width"], largest: float, draw: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Channels shifted, hue turned, saturation, contrast and brightness changed.

    One channel at least is shifted up and one down: black and white change as well.
    """
    signs = draw.permutation([1, -1, draw.choice([1, -1])])
    shift = torch.from_numpy(signs * draw.uniform(LEAST, largest, 3)).float()
    turned = _hue_and_saturation(image, draw.uniform(-0.15, 0.15), draw.uniform(0.8, 1.2))
    mean = turned.mean()
    contrast, brightness = draw.uniform(0.9, 1.1), draw.uniform(0.95, 1.05)
    changed = (mean + (turned - mean) * contrast) * brightness
    return changed.clamp(0, 255) + shift[:, None, None]


def _hue_and_saturation(
    image: Float[Tensor, "3 height width"], angle: float, saturation: float
) -> Float[Tensor, "3 height width"]:
    """Colours turned about the grey axis by ``angle``, radians, and moved from their luma."""
    cosine, sine = math.cos(angle), math.sin(angle) / math.sqrt(3)
    third = (1 - cosine) / 3
    turn = torch.full((3, 3), third) + cosine * torch.eye(3)
    turn += sine * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turned = torch.einsum("dc,chw->dhw", turn, image)
    luma = torch.einsum("c,chw->hw", torch.tensor(GREY), turned)
    return luma + (turned - luma) * saturation


def _sharpened(
    image: Float[Tensor, "3 height width"], draw: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Unsharp masking."""
    ones = torch.ones_like(image[:1])
    soft = blurred(image, 1.0) / blurred(ones, 1.0)  # no dark border
    return image + draw.uniform(0.2, 0.8) * (image - soft)


def _softened(
    image: Float[Tensor, "3 height width"], draw: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Made smaller, two or four times, and large again."""
    height, width = image.shape[-2:]
    factor = int(draw.choice([2, 4]))
    small = resized(image, max(1, height // factor), max(1, width // factor), "bilinear")
    return resized(small, height, width)
