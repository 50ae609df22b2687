"""The last stage, the same for real and fake: resize, round to 8 bits, JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mfclip_sample.draw.grid import Picture


def to_jpeg(picture: Picture, size: int, quality: int) -> bytes:
    """Encode a (3, side, side) picture, 0-1, as a ``size`` x ``size`` JPEG without subsampling."""
    levels = np.clip(picture * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
    small = image.resize((size, size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
