"""Opening an image file by what its bytes are, and by nothing else that Pillow could read."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from mfclip.data.jpeg_markers import unsupported_kind
from mfclip.data.png_chunks import lean_png
from mfclip.data.signatures import described

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

HEIF_MISSING = "HEIF (HEIC) needs an extra: pip install 'mfclip[heif]'"

_PILLOW = {
    "JPEG": ("JPEG", "MPO"),
    "PNG": ("PNG",),
    "WebP": ("WEBP",),
    "BMP": ("BMP",),
    "GIF": ("GIF",),
    "TIFF": ("TIFF",),
    "AVIF": ("AVIF",),
    "JPEG 2000": ("JPEG2000",),
    "ICO": ("ICO",),
}
"""Pillow's names. Nothing else is ever handed to it: no PostScript, no network formats."""
_FEATURES = {"WebP": "webp", "AVIF": "avif", "JPEG 2000": "jpg_2000"}
"""What a Pillow may have been built without."""
_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
    | {"I;16", "I;16L", "I;16B", "I;16N"}
)
_TILE = (322, 323)
"""Tags of a TIFF: width and height of a tile."""
_WORDS = {"GIF": "frames", "PNG": "frames", "WEBP": "frames", "AVIF": "frames", "TIFF": "pages"}


class UnsupportedError(Exception):
    """The format, or this kind of it, is not decoded; the message says which."""


class OversizedError(Exception):
    """Decoding would fill more pixels than allowed; the message says how many."""


def open_form(name: str, stream: BinaryIO, limit: int) -> ImageFile:
    """Read the header of an image whose format :func:`mfclip.data.signatures.sniff` named.

    Raises :class:`UnsupportedError`, :class:`OversizedError` where decoding would fill more than
    ``limit`` pixels, and whatever Pillow raises on damaged data.
    """
    if name == "ICO":  # Pillow decodes these as it opens them
        _limit(_icons(stream), limit)
    image = _open_heif(stream) if name == "HEIF" else _open_known(name, stream)
    _limit([image.size], limit)
    if image.format == "TIFF":
        wide, high = (image.tag_v2.get(tag, 0) for tag in _TILE)  # type: ignore[attr-defined]
        _limit([(int(wide), int(high))], limit)
    return image


def _limit(sizes: Iterable[tuple[int, int]], limit: int) -> None:
    for width, height in sizes:
        if width * height > limit:
            raise OversizedError(f"{width} x {height}")


def _icons(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Width and height of each picture of an icon file, by the picture's own header."""
    stream.seek(4)
    entries = stream.read(16 * int.from_bytes(stream.read(2), "little"))
    for start in range(12, len(entries) - 3, 16):
        stream.seek(int.from_bytes(entries[start : start + 4], "little"))
        head = stream.read(24)
        if head.startswith(b"\x89PNG"):
            yield int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        elif head[:4] != b"\x0c\0\0\0":  # the short header has 16 bits for each: never too large
            width, height = (
                int.from_bytes(head[at : at + 4], "little", signed=True) for at in (4, 8)
            )
            yield abs(width), abs(height) // 2


def _open_known(name: str, stream: BinaryIO) -> ImageFile:
    if name not in _PILLOW:
        raise UnsupportedError(f"{described(name)} is not supported")
    _require_feature(name)
    if name == "JPEG" and (kind := unsupported_kind(stream)):
        raise UnsupportedError(f"{kind} is not supported")
    stream.seek(0)
    image = _open(name, lean_png(stream) if name == "PNG" else stream)
    if image.mode not in _MODES and not (image.mode == "I" and name == "PNG"):
        raise UnsupportedError(f"{name} with pixels of the kind {image.mode} is not supported")
    return image


def frame_count(image: Image) -> int:
    """Frames or pages, which follow one another; 1 where further pictures are something else.

    Raises whatever Pillow raises on damage behind the first frame.
    """
    return int(getattr(image, "n_frames", 1)) if image.format in _WORDS else 1


def note_of(image: Image) -> str:
    """What there is to say of an image that was decoded: which of several it is, or nothing.

    Counting may read on in the file; where that fails, this is said.
    """
    if image.format == "ICO":
        count = len(image.ico.entry)  # type: ignore[attr-defined]
        return f"largest of {count} pictures" if count > 1 else ""
    words = _WORDS.get(image.format or "", "pictures")
    try:
        count = getattr(image, "n_frames", 1)
    except Exception:  # damage behind the first frame
        return f"first of several {words}; a later one is damaged"
    which = "main" if image.format == "HEIF" else "first"
    return f"{which} of {count} {words}" if count > 1 else ""


def _open(name: str, stream: BinaryIO) -> ImageFile:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(stream, formats=_PILLOW[name])
    except UnidentifiedImageError:
        if name == "TIFF" and (kind := _unknown_tiff(stream)):
            raise UnsupportedError(f"TIFF is not supported where it has an {kind}") from None
        raise
    except OSError as error:
        if error.errno is None and str(error).startswith("Unsupported"):
            raise UnsupportedError(f"this kind of {name} is not supported ({error})") from error
        raise


def _unknown_tiff(stream: BinaryIO) -> str | None:
    """What Pillow does not know about the pixels; None where the header is damaged."""
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    try:
        TiffImageFile(stream)
    except SyntaxError as error:
        return str(error) if str(error).startswith("unknown") else None
    return None


def _open_heif(stream: BinaryIO) -> ImageFile:
    """Without registering the format with Pillow, which would hold for the whole process."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "pillow_heif"
        raise UnsupportedError(HEIF_MISSING + ("" if missing else f" ({error})")) from error
    stream.seek(0)
    image: ImageFile = HeifImageFile(stream)
    return image


def _require_feature(name: str) -> None:
    from PIL import features

    if name in _FEATURES and not features.check(_FEATURES[name]):
        raise UnsupportedError(f"{name} is not supported by this Pillow, built without it")
