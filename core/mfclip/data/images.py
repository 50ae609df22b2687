"""Image files: finding them, and decoding each to RGB or to a named status.

JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIF, JPEG 2000 and ICO, told by content and not by file
name. What a decoded image is:

* turned upright by its orientation (EXIF, else XMP);
* 8 bits a channel: 16-bit images keep their high byte, so 65535 becomes 255;
* transparency laid over white;
* grey, palette and CMYK turned to RGB as Pillow does it: without colour profiles, and CMYK JPEGs
  inverted, as all that write them do;
* the first frame of an animation, the first page, the largest icon; a note says so;
* a JPEG that lacks only its end marker is whole.
"""

from __future__ import annotations

import io
import stat
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mfclip.data import jpeg_markers
from mfclip.data.finding import find_images
from mfclip.data.formats import OversizedError, UnsupportedError, note_of, open_form
from mfclip.data.pixels import orientation, to_rgb, upright
from mfclip.data.signatures import HEAD, sniff
from mfclip.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = [
    "MAX_PIXELS",
    "ImageError",
    "ImageStatus",
    "Picture",
    "decode",
    "decode_opened",
    "find_images",
    "read_picture",
    "read_stream",
]

MAX_PIXELS = 1 << 26
"""Pixels of the largest image that is decoded (8192 x 8192); its RGB takes 192 MiB."""
UNNAMED = Path("(an opened image)")
"""Stands in errors for the file of an image that has none."""
_INSTEAD = "save it as JPEG, PNG or WebP"


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
    """Its bytes are those of no known format."""
    UNSUPPORTED_FORMAT = "unsupported-format"
    """A known format, or a kind of one, that is not decoded; the reason names it."""
    TOO_LARGE = "too-large"
    """More than :data:`MAX_PIXELS` pixels, by its header."""
    TOO_SMALL = "too-small"
    """A side is shorter than what is scored; so there is no verdict."""
    BLANK = "blank"
    """It shows one colour, or is fully transparent; so there is no verdict."""
    NO_FACE = "no-face"
    """No face was found in it, where faces are looked for; so there is no verdict."""
    SMALL_FACE = "small-face"
    """A face is too small, or the largest one is; so there is no verdict."""
    NOT_A_FILM = "not-a-film"
    """It is called like a film, and its bytes are those of none."""
    NO_VIDEO = "no-video"
    """A film that holds sound alone; so there is no verdict."""
    NO_FRAME = "no-frame"
    """A film without a frame; so there is no verdict."""
    ENCRYPTED = "encrypted"
    """A film that is decoded with a key only."""


class ImageError(DataError):
    """One file that could not be decoded."""

    def __init__(self, path: Path, status: ImageStatus, reason: str) -> None:
        super().__init__(f"{path}: {status.value}: {reason}")
        self.path, self.status, self.reason = path, status, reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[Path, ImageStatus, str]]:
        """So that it crosses from a worker process."""
        return type(self), (self.path, self.status, self.reason)


class Picture(NamedTuple):
    """What was decoded."""

    pixels: NDArray[np.uint8]
    """RGB, 0-255, (H, W, 3); of several frames (T, H, W, 3)."""
    note: str = ""
    """What there is to say of it, as "first of 12 frames"; most often nothing."""


def decode(path: Path) -> NDArray[np.uint8]:
    """Decode to RGB, uint8 0-255, of shape (H, W, 3).

    Raises :class:`ImageError`, whose ``status`` says what is the matter with the file.
    """
    return read_picture(path).pixels


def read_picture(path: Path) -> Picture:
    """Decode as :func:`decode`, with the note. Raises :class:`ImageError`."""
    with open_regular(path) as stream:
        return read_stream(stream, path)


def read_stream(stream: BinaryIO, path: Path = UNNAMED, limit: int | None = None) -> Picture:
    """Decode the same out of an opened file, or of bytes in memory.

    ``limit``: pixels of the largest image that is decoded, by default :data:`MAX_PIXELS`. Raises
    :class:`ImageError`.
    """
    image = open_image(path, stream, limit)
    try:
        return decode_opened(image, path)
    except ImageError as error:
        if error.status is not ImageStatus.TRUNCATED or image.format not in ("JPEG", "MPO"):
            raise
        whole = _without_end(path, stream)
        if whole is None:
            raise
        return whole


def decode_opened(image: Image, path: Path = UNNAMED) -> Picture:
    """Decode what Pillow has opened or made. Raises :class:`ImageError`."""
    try:
        pixels = upright(to_rgb(image), orientation(image))
    except MemoryError as error:
        reason = f"{image.width} x {image.height} pixels do not fit in memory"
        raise ImageError(path, ImageStatus.TOO_LARGE, reason) from error
    except Exception as error:  # decoders raise all kinds on damaged data
        raise _undecoded(path, image.format or "image", error) from error
    return Picture(pixels, note_of(image))


def _without_end(path: Path, stream: BinaryIO) -> Picture | None:
    """A JPEG that lacks its end marker and nothing else; None for any other."""
    stream.seek(0)
    data = stream.read(4 * MAX_PIXELS + 1)
    if len(data) > 4 * MAX_PIXELS or not jpeg_markers.has_all_scans(data):
        return None
    try:
        whole = _decoded_bytes(path, jpeg_markers.ended(data))
        print_ = whole.pixels.tobytes()
        others = (_decoded_bytes(path, other) for other in jpeg_markers.continued(data))
        return whole if all(other.pixels.tobytes() == print_ for other in others) else None
    except ImageError:
        return None


def _decoded_bytes(path: Path, data: bytes) -> Picture:
    stream = io.BytesIO(data)
    return decode_opened(open_image(path, stream), path)


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
    except ValueError as error:  # a NUL in the name
        raise ImageError(path, ImageStatus.MISSING, f"no file has such a name: {error}") from error


def open_image(path: Path, stream: BinaryIO, limit: int | None = None) -> ImageFile:
    """Read the header only. Raises :class:`ImageError`, also for more pixels than the limit."""
    from PIL import Image

    name, limit = None, MAX_PIXELS if limit is None else limit
    try:
        name = sniff(stream.read(HEAD))
        if name is None:
            reason = f"its bytes are those of no image; {_INSTEAD}"
            raise ImageError(path, ImageStatus.NOT_AN_IMAGE, reason)
        return open_form(name, stream, limit)
    except ImageError:
        raise
    except OversizedError as error:
        raise ImageError(path, ImageStatus.TOO_LARGE, _over(str(error), limit)) from error
    except UnsupportedError as error:
        reason = f"{error}; {_INSTEAD}"
        raise ImageError(path, ImageStatus.UNSUPPORTED_FORMAT, reason) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(path, ImageStatus.TOO_LARGE, _over("its header", limit)) from error
    except Exception as error:  # header parsers raise all kinds on damaged data
        if _from_system(error):
            raise ImageError(path, ImageStatus.UNREADABLE, str(error)) from error
        reason = f"the {name} header ends too early or is damaged"
        raise ImageError(path, ImageStatus.TRUNCATED, reason) from error


def _over(what: str, limit: int) -> str:
    return f"{what} is over the limit of {limit} pixels; scale it down or crop the face"


def _undecoded(path: Path, form: str, error: Exception) -> ImageError:
    if _from_system(error):
        return ImageError(path, ImageStatus.UNREADABLE, str(error))
    reason = f"the {form} data end too early or are damaged ({error})"
    return ImageError(path, ImageStatus.TRUNCATED, reason)


def _from_system(error: Exception) -> bool:
    """Whether reading failed, and not decoding: Pillow raises OSError for both."""
    return isinstance(error, OSError) and error.errno is not None
