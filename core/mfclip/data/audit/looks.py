"""What an image looks like: its brightness, and a print that copies of it share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.data.images import ImageError, decode
from mfclip.data.scorable import is_blank

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8
    from numpy.typing import NDArray

PRINT_BYTES = 32
"""Bytes of a print: 255 bits and one that is always 0."""
_SIDE, _KEPT = 64, 16
"""The grey image is shrunk to 64 x 64; of its cosine transform the lowest 16 x 16 count."""
_FLAT = 1.0
"""Standard deviation, in grey levels, below which an image has no structure to compare."""


@dataclass(frozen=True, slots=True)
class Look:
    """Of one image."""

    brightness: float
    """Mean grey level, 0-255."""
    print: bytes
    """A perceptual hash; empty for an image without structure."""
    blank: bool = False
    """Whether it shows one colour; such an image is not scored."""


def look(path: Path) -> Look | None:
    """Decode an image and look at it; None where it cannot be decoded."""
    try:
        pixels = decode(path)
    except ImageError:
        return None
    return look_at(pixels)


def look_at(pixels: UInt8[NDArray[np.uint8], "height width 3"]) -> Look:
    """The print of an image: one bit a cosine coefficient, set where it is above their median.

    Coefficients of low frequencies change little when an image is compressed, scaled or
    brightened. The mean (the first coefficient) does not count.
    """
    import numpy as np
    from PIL import Image
    from scipy.fft import dctn

    grey = Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float64)
    brightness = float(values.mean())
    if values.std() < _FLAT:
        return Look(brightness, b"", is_blank(pixels))
    coefficients = dctn(values, norm="ortho")[:_KEPT, :_KEPT].ravel()[1:]
    bits = coefficients > np.median(coefficients)
    return Look(brightness, np.packbits(bits).tobytes())
