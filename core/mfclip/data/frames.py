"""Samples of several frames: the pages of one file, evenly spaced by number.

Animations (GIF, WebP, PNG, AVIF) and multi-page TIFFs have frames; every other image has one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from jaxtyping import UInt8

from mfclip.data.formats import frame_count
from mfclip.data.images import (
    UNNAMED,
    ImageError,
    ImageStatus,
    Picture,
    decode_opened,
    open_image,
    open_regular,
    read_stream,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor


def read_sample(path: Path, frames: int | None) -> Picture:
    """Decode one image, (H, W, 3), or with ``frames`` so many of a file, (T, H, W, 3).

    A file with fewer frames gives some of them more than once; the note says how many there are.
    Raises :class:`ImageError`, also for damage in a later frame and for frames of several sizes.
    """
    with open_regular(path) as stream:
        return sample_of(stream, frames, path)


def sample_of(
    stream: BinaryIO, frames: int | None, path: Path = UNNAMED, limit: int | None = None
) -> Picture:
    """The same out of an opened file, or of bytes in memory.

    ``limit``: pixels of the largest frame that is decoded; None: as of files.
    """
    if frames is None:
        return read_stream(stream, path, limit)
    image = open_image(path, stream, limit)
    if _total(image, path) > 1:
        return frames_of(image, frames, path)
    stream.seek(0)
    return _repeated(read_stream(stream, path, limit), frames)


def frames_of(image: Image, frames: int, path: Path = UNNAMED) -> Picture:
    """The same of what Pillow has opened or made."""
    import numpy as np

    total = _total(image, path)
    if total == 1:
        return _repeated(decode_opened(image, path), frames)
    places = evenly(total, frames)
    decoded = {place: _frame(image, place, path) for place in dict.fromkeys(places)}
    sizes = {picture.shape for picture in decoded.values()}
    if len(sizes) > 1:
        reason = "its pages have several sizes; a clip has one"
        raise ImageError(path, ImageStatus.UNSUPPORTED_FORMAT, reason)
    pixels = np.stack([decoded[place] for place in places])
    return Picture(pixels, f"{len(decoded)} of {total} frames")


def evenly(total: int, count: int) -> list[int]:
    """Numbers from 0 of ``count`` frames out of ``total``: the middles of as many equal parts."""
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]


def by_frame(
    change: Callable[[Tensor], Tensor], sample: UInt8[Tensor, "*frames 3 height width"]
) -> UInt8[Tensor, "*frames 3 rows columns"]:
    """Apply ``change`` to an image (3, H, W), or to every frame of a clip (T, 3, H, W)."""
    import torch

    return change(sample) if sample.ndim == 3 else torch.stack([change(one) for one in sample])


def _total(image: Image, path: Path) -> int:
    try:
        return frame_count(image)
    except Exception as error:  # decoders raise all kinds on damaged data
        reason = f"a later frame is damaged ({error})"
        raise ImageError(path, ImageStatus.TRUNCATED, reason) from error


def _frame(image: Image, place: int, path: Path) -> NDArray[np.uint8]:
    try:
        image.seek(place)
    except Exception as error:
        reason = f"frame {place + 1} ends too early or is damaged ({error})"
        raise ImageError(path, ImageStatus.TRUNCATED, reason) from error
    return decode_opened(image, path).pixels


def _repeated(picture: Picture, frames: int) -> Picture:
    import numpy as np

    pixels = np.repeat(picture.pixels[None], frames, axis=0)
    return Picture(pixels, picture.note or f"one image, taken {frames} times")
