"""Arrays as pictures inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike, NDArray


def as_pixels(picture: ArrayLike) -> UInt8[NDArray[Any], "h w *channels"]:
    """Any picture as uint8, (H, W) or (H, W, 3); floats are taken as 0-1.

    Raises:
        ValueError: The array is no picture.
    """
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise ValueError(f"a picture is (H, W), (H, W, 1) or (H, W, 3), got {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        array = np.round(np.clip(array, 0, 1) * 255)
    return array.astype(np.uint8)


def data_uri(pixels: UInt8[NDArray[Any], "h w *channels"], form: Literal["png", "jpeg"]) -> str:
    """The picture as an address that holds it. JPEG for photos, PNG where pixels matter."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form.upper(), quality=92)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
