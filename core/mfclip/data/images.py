"""Image files: finding them, and decoding each to RGB or to a named status.

JPEG, PNG, WebP and BMP, told by content and not by file name. What a decoded image is:

* turned upright by its EXIF orientation;
* 8 bits a channel: 16-bit images keep their high byte, so 65535 becomes 255;
* transparency laid over white;
* grey, palette and CMYK turned to RGB; CMYK without its colour profile, inverted where an
  Adobe marker says so;
* the first frame of an animation;
* colour profiles are not applied.
"""

from __future__ import annotations

import stat
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mfclip.data.finding import find_images
from mfclip.data.pixels import orientation, to_rgb, upright
from mfclip.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

__all__ = ["FORMATS", "MAX_PIXELS", "ImageError", "ImageStatus", "decode", "find_images"]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""What is decoded, in Pillow's names."""
MAX_PIXELS = 1 << 26
"""Pixels of the largest image that is decoded (8192 x 8192); its RGB takes 192 MiB."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""First bytes that only a supported format has. Two letters ("BM") may begin a text as well."""
_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftyp", "video"),
    (0, b"%PDF", "PDF"),
)


class ImageStatus(StrEnum):
    """What became of one file."""

    OK = "ok"
    MISSING = "missing"
    """There is no such file."""
    UNREADABLE = "unreadable"
    """It is there but may not be read: permissions, a folder, a device, a disk error."""
    EMPTY = "empty"
    """Zero bytes."""
    TRUNCATED = "truncated"
    """It starts as an image and ends too early, or is damaged inside."""
    NOT_AN_IMAGE = "not-an-image"
    """Something else, or an image format that is not supported."""
    TOO_LARGE = "too-large"
    """More than :data:`MAX_PIXELS` pixels, by its header."""


class ImageError(DataError):
    """One file that could not be decoded."""

    def __init__(self, path: Path, status: ImageStatus, reason: str) -> None:
        super().__init__(f"{path}: {status.value}: {reason}")
        self.path, self.status, self.reason = path, status, reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[Path, ImageStatus, str]]:
        """So that it crosses from a worker process."""
        return type(self), (self.path, self.status, self.reason)


def decode(path: Path) -> NDArray[np.uint8]:
    """Decode to RGB, uint8 0-255, of shape (H, W, 3).

    Raises :class:`ImageError`, whose ``status`` says what is the matter with the file.
    """
    with open_regular(path) as stream:
        image = open_image(path, stream)
        try:
            return upright(to_rgb(image), orientation(image))
        except MemoryError as error:
            reason = f"{image.width} x {image.height} pixels do not fit in memory"
            raise ImageError(path, ImageStatus.TOO_LARGE, reason) from error
        except Exception as error:  # decoders raise all kinds on damaged data
            raise _undecoded(path, image.format or "image", error) from error


def open_regular(path: Path) -> BinaryIO:
    """Open a file that has bytes; never waits on a pipe or a device.

    Raises :class:`ImageError`: missing, unreadable or empty.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError(path, ImageStatus.UNREADABLE, "is a folder")
        if not stat.S_ISREG(found.st_mode):
            raise ImageError(path, ImageStatus.UNREADABLE, "is no regular file")
        if not found.st_size:
            raise ImageError(path, ImageStatus.EMPTY, "has no bytes")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(path, ImageStatus.MISSING, "there is no such file") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(path, ImageStatus.UNREADABLE, reason) from error


def open_image(path: Path, stream: BinaryIO) -> ImageFile:
    """Read the header only. Raises :class:`ImageError`."""
    from PIL import Image

    try:
        image = Image.open(stream, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(path, ImageStatus.TOO_LARGE, _over("its header")) from error
    except Exception as error:  # header parsers raise all kinds on damaged data
        raise _unopened(path, stream, error) from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} x {image.height}"
        raise ImageError(path, ImageStatus.TOO_LARGE, _over(size))
    return image


def _over(what: str) -> str:
    return f"{what} is over the limit of {MAX_PIXELS} pixels; scale it down or crop the face"


def _unopened(path: Path, stream: BinaryIO, error: Exception) -> ImageError:
    """Tell a disk error, a damaged header, another format and no image at all apart."""
    if _from_system(error):
        return ImageError(path, ImageStatus.UNREADABLE, str(error))
    stream.seek(0)
    head = stream.read(16)
    if head.startswith(_SIGNATURES) or head[:4] + head[8:12] == b"RIFFWEBP":
        return ImageError(path, ImageStatus.TRUNCATED, "the header ends too early or is damaged")
    kind = next((name for at, mark, name in _FOREIGN if head[at:].startswith(mark)), None)
    seen = f"{kind} is not supported" if kind else "its bytes are those of no image"
    return ImageError(path, ImageStatus.NOT_AN_IMAGE, f"{seen}; use JPEG, PNG, WebP or BMP")


def _undecoded(path: Path, form: str, error: Exception) -> ImageError:
    if _from_system(error):
        return ImageError(path, ImageStatus.UNREADABLE, str(error))
    reason = f"the {form} data end too early or are damaged ({error})"
    return ImageError(path, ImageStatus.TRUNCATED, reason)


def _from_system(error: Exception) -> bool:
    """Whether reading failed, and not decoding: Pillow raises OSError for both."""
    return isinstance(error, OSError) and error.errno is not None
