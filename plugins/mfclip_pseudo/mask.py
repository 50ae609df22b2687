"""Soft masks over where the face is, without landmarks: the middle of the image."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from mfclip_pseudo.fields import blurred, places, smooth_field

GRID = 128
"""Longer side of the largest mask that is drawn, pixels."""
LEAST = 0.8
"""Smallest sigma of a mask's blur, pixels."""
SIDES = 10
"""Of a convex region."""
ELASTIC = 0.03
"""Largest displacement of a region's border, as a share of the side."""


def soft_mask(height: int, width: int, draw: np.random.Generator) -> Float[Tensor, "height width"]:
    """A random region about the centre, bent and blurred: 0-1, 1 well inside it.

    An ellipse with half axes of 0.2 to 0.36 of the width and 0.26 to 0.42 of the height, or a
    convex polygon inside such a one. The blur's sigma is 1 to 5 % of the shorter side. The corners
    of the image stay outside. Large images get the mask of a smaller one, enlarged.
    """
    shrink = max(1.0, max(height, width) / GRID)
    small = _mask(math.ceil(height / shrink), math.ceil(width / shrink), draw)[None, None]
    found = functional.interpolate(small, (height, width), mode="bilinear")
    return found[0, 0]


def _mask(height: int, width: int, draw: np.random.Generator) -> Float[Tensor, "height width"]:
    rows, columns = places(height, width)
    bend = ELASTIC * smooth_field(height, width, draw)
    across = (columns + bend[0] - draw.uniform(0.46, 0.54)) / draw.uniform(0.20, 0.36)
    down = (rows + bend[1] - draw.uniform(0.47, 0.57)) / draw.uniform(0.26, 0.42)
    inside = _polygon(across, down, draw) if draw.random() < 0.5 else _ellipse(across, down)
    sigma = max(LEAST, draw.uniform(0.01, 0.05) * min(height, width))
    mask = blurred(inside.float()[None], sigma)[0]
    return mask / mask.max().clamp(min=1e-6)


def _ellipse(
    across: Float[Tensor, "height width"], down: Float[Tensor, "height width"]
) -> Bool[Tensor, "height width"]:
    return across.square() + down.square() <= 1


def _polygon(
    across: Float[Tensor, "height width"],
    down: Float[Tensor, "height width"],
    draw: np.random.Generator,
) -> Bool[Tensor, "height width"]:
    """An intersection of half-planes, and so convex, inside the unit circle."""
    turns = draw.uniform(0, 1, SIDES)
    distances = draw.uniform(0.7, 1, SIDES)
    inside = _ellipse(across, down)
    for side, (turn, distance) in enumerate(zip(turns, distances, strict=True)):
        angle = 2 * math.pi * (side + turn) / SIDES
        inside &= across * math.cos(angle) + down * math.sin(angle) <= distance
    return inside


def blend(
    image: Float[Tensor, "3 height width"],
    other: Float[Tensor, "3 height width"],
    mask: Float[Tensor, "height width"],
) -> Float[Tensor, "3 height width"]:
    """``other`` where the mask is 1, ``image`` where it is 0."""
    return torch.lerp(image, other, mask)
