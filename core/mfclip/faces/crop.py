"""One face out of a picture: a square about its box, or turned so that its eyes are level.

Neither changes the scale: a crop has as many pixels as the face had, so that no trace is resampled
twice. The detector's own resize follows.
"""

from __future__ import annotations

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.faces.face import Box, Points

TEMPLATE_SIDE = 112.0
"""Side of the square that the template's points lie in, in its units."""
TEMPLATE: Points = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""Five points of an upright face, as face recognition aligns to (Deng et al., ArcFace, CVPR 2019).
The square about them holds a face from the forehead to the chin."""


def square_about(box: Box, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels left, top, right, bottom of the square to cut out of a picture.

    Its side is the box's longer one with ``margin`` of it on both ends. Where it would reach beyond
    the picture it is moved inside; where it is larger than the picture, it ends there.
    """
    left, top, right, bottom = box
    side = max(1, round(max(right - left, bottom - top) * (1 + 2 * margin)))
    start = _span((left + right) / 2, side, width)
    above = _span((top + bottom) / 2, side, height)
    return start[0], above[0], start[1], above[1]


def _span(middle: float, side: int, whole: int) -> tuple[int, int]:
    length = min(side, whole)
    first = min(max(0, round(middle - length / 2)), whole - length)
    return first, first + length


def similarity(points: Points, template: Points = TEMPLATE) -> tuple[complex, complex]:
    """``a`` and ``b`` of the map p -> a p + b from the template into the picture.

    Points are complex numbers x + iy, so that ``abs(a)`` is the scale, pixels a unit, and the
    argument of ``a`` the turn. Least squares: the same as Umeyama's (PAMI 1991) in the plane, and
    never a reflection.
    """
    p, q = ([complex(*point) for point in one] for one in (template, points))
    middle_p, middle_q = sum(p) / len(p), sum(q) / len(q)
    spread = sum(abs(one - middle_p) ** 2 for one in p)
    joint = sum(
        (one - middle_p).conjugate() * (other - middle_q) for one, other in zip(p, q, strict=True)
    )
    a = joint / spread
    return a, middle_q - a * middle_p


def boxed(
    image: UInt8[Tensor, "3 height width"], box: Box, margin: float
) -> UInt8[Tensor, "3 rows columns"]:
    """The square about a face's box, see :func:`square_about`."""
    left, top, right, bottom = square_about(box, margin, image.shape[2], image.shape[1])
    return image[:, top:bottom, left:right].clone()


def aligned(
    image: UInt8[Tensor, "3 height width"], points: Points, margin: float
) -> UInt8[Tensor, "3 side side"]:
    """The template's square about a face, ``margin`` wider on each side, with the face upright.

    Bilinear, at the picture's own scale. Beyond the picture its border goes on.
    """
    a, b = similarity(points)
    scale = abs(a)
    side = max(1, round(TEMPLATE_SIDE * scale * (1 + 2 * margin)))
    turn = a / scale if scale else complex(1)
    middle = a * complex(TEMPLATE_SIDE / 2, TEMPLATE_SIDE / 2) + b
    steps = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    across, down = steps[None, :], steps[:, None]
    x = middle.real + turn.real * across - turn.imag * down
    y = middle.imag + turn.imag * across + turn.real * down
    height, width = image.shape[1:]
    grid = torch.stack([2 * x / width - 1, 2 * y / height - 1], dim=-1).float()
    sampled = functional.grid_sample(
        image[None].float(), grid[None], "bilinear", "border", align_corners=False
    )
    return sampled[0].round_().clamp_(0, 255).to(torch.uint8)
