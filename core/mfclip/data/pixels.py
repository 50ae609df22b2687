"""From an opened image file to upright 8-bit RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_ORIENTATION = 0x0112
"""Tag of the EXIF orientation, 1-8; 1 is upright."""


def orientation(image: Image.Image) -> int:
    """Orientation by EXIF, else XMP, 1-8; 1 where there is none or the EXIF data are damaged."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the EXIF parser raises all kinds on damaged data; the pixels are fine
        return 1
    return value if value in range(1, 9) else 1


def upright(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation. ``pixels``: (H, W, 3); 5-8 swap height and width."""
    import numpy as np

    if turn >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows, flip_columns = turn in (3, 4, 7, 8), turn in (2, 3, 6, 7)
    pixels = pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return np.ascontiguousarray(pixels)


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Decode to RGB, (H, W, 3), 0-255. Raises whatever the decoder raises on damaged data."""
    import numpy as np

    if image.mode.startswith("I"):
        clear = image.info.get("transparency")
        return _from_wide(np.asarray(image), clear if isinstance(clear, int) else None)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        image = _over_white(image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _from_wide(grey: NDArray[np.generic], clear: int | None) -> NDArray[np.uint8]:
    """16-bit grey to RGB by its high byte, as Pillow does for 16-bit colour; ``clear``: white."""
    import numpy as np

    wide = grey.astype(np.int64)
    high = (wide >> 8).clip(0, 255).astype(np.uint8)
    if clear is not None:
        high[wide == clear] = 255
    return np.repeat(high[:, :, None], 3, axis=2)


def _over_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
