"""Heat maps as pictures: orange speaks for fake, blue for real, over the image in grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

FOR_FAKE, FOR_REAL = (213, 94, 0), (0, 114, 178)
"""Vermilion and blue, which all kinds of colour blindness tell apart."""
STRONGEST = 99.5
"""Percentile of the magnitudes that has the full colour: a single pixel sets no scale."""
BLUR = 1 / 48
"""Maps are smoothed for display by this share of the image: single pixels cannot be seen."""


def overlay(
    image: UInt8[NDArray[Any], "h w 3"], values: Float[NDArray[Any], "h w"]
) -> UInt8[NDArray[Any], "h w 3"]:
    """Lay a map over its image; the colour's strength is relative to the map's own strongest."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(values, dtype=np.float64), BLUR * len(values))
    top = float(np.percentile(np.abs(smooth), STRONGEST))
    return coloured(image, np.clip(smooth / top, -1, 1) if top > 0 else np.zeros_like(smooth))


def coloured(
    image: UInt8[NDArray[Any], "h w 3"], strength: Float[NDArray[Any], "h w"]
) -> UInt8[NDArray[Any], "h w 3"]:
    """The image in grey, with the colour for fake above zero and that for real below; -1 to 1."""
    grey = image.astype(np.float64) @ [0.2989, 0.587, 0.114]
    ground = np.repeat((60 + 0.7 * grey)[..., None], 3, axis=2)
    colour = np.where(strength[..., None] > 0, FOR_FAKE, FOR_REAL)
    share = 0.85 * np.abs(strength)[..., None] ** 0.8
    mixed: NDArray[np.uint8] = np.round(ground * (1 - share) + colour * share).astype(np.uint8)
    return mixed


def boxed(
    image: UInt8[NDArray[Any], "h w 3"],
    richest: tuple[float, float, float, float],
    poorest: tuple[float, float, float, float],
) -> UInt8[NDArray[Any], "h w 3"]:
    """The image with both patches framed: white solid the richest, white dashed the poorest."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    width = max(1, len(image) // 100)
    for box, dash in ((poorest, max(3, len(image) // 25)), (richest, 0)):
        left, top, right, bottom = (round(side) for side in box)
        # A dark rim on both sides of the white line, so that it stands out on any ground.
        for margin, colour in ((0, "black"), (width, "white"), (2 * width, "black")):
            corners = (left + margin, top + margin, right - 1 - margin, bottom - 1 - margin)
            _frame(pen, corners, colour, width, dash)
    return np.asarray(picture)


def _frame(
    pen: Any, corners: tuple[int, int, int, int], colour: str, width: int, dash: int
) -> None:
    """A rectangle, in pieces of ``dash`` pixels with gaps as long; 0: whole."""
    left, top, right, bottom = corners
    if not dash:
        pen.rectangle(corners, outline=colour, width=width)
        return
    for start in range(left, right, 2 * dash):
        end = min(start + dash, right)
        pen.rectangle((start, top, end, top + width - 1), fill=colour)
        pen.rectangle((start, bottom - width + 1, end, bottom), fill=colour)
    for start in range(top, bottom, 2 * dash):
        end = min(start + dash, bottom)
        pen.rectangle((left, start, left + width - 1, end), fill=colour)
        pen.rectangle((right - width + 1, start, right, end), fill=colour)
