"""What can be told of an image file from its first and last bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from mfclip.data.audit.quality import Quality, estimate_quality
from mfclip.data.images import ImageError, ImageStatus, decode, open_image, open_regular
from mfclip.data.scorable import too_small

_SLICE = 2048
"""Files that are handed to the threads at once: bounds what is queued, whatever the number."""
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe:
    """One file. The fields after ``bytes`` are known for status ``ok`` only."""

    status: ImageStatus
    reason: str = ""
    bytes: int = 0
    form: str = ""
    """By content, in Pillow's names: JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF, JPEG2000 and so on."""
    width: int = 0
    height: int = 0
    """Pixels, before any EXIF rotation."""
    quality: Quality | None = None
    """Of a JPEG, estimated."""
    brightness: float | None = None
    """Mean grey level, 0-255, where the image was decoded."""


def probe(path: Path, *, smallest: int | None = None) -> Probe:
    """Read header and end of one file; decode it only where the end looks cut off.

    Damage inside a file that has its end is not seen here. ``smallest``: pixels of the shortest
    side that is scored; without it no image is too small.
    """
    try:
        with open_regular(path) as stream:
            found = _read(path, stream)
            whole = _has_end(stream, found)
        if not whole:
            decode(path)
    except ImageError as error:
        return Probe(error.status, error.reason)
    why = smallest and too_small(found.width, found.height, smallest)
    return Probe(*why) if why else found


def in_threads(
    task: Callable[[Path], T], paths: Sequence[Path], done: Callable[[int], None]
) -> Iterator[T]:
    """Run a task for each path on a few threads; results in order, ``done`` told each total."""
    with ThreadPoolExecutor(max_workers=min(16, 4 * (os.cpu_count() or 1))) as pool:
        for start in range(0, len(paths), _SLICE):
            for number, result in enumerate(pool.map(task, paths[start : start + _SLICE]), 1):
                yield result
                done(start + number)


def _read(path: Path, stream: BinaryIO) -> Probe:
    image = open_image(path, stream)
    form = "JPEG" if image.format == "MPO" else str(image.format)
    tables = getattr(image, "quantization", None) or {}
    quality = estimate_quality(tuple(tables[0])) if 0 in tables else None
    size = stream.seek(0, os.SEEK_END)
    return Probe(ImageStatus.OK, "", size, form, image.width, image.height, quality)


def _has_end(stream: BinaryIO, found: Probe) -> bool:
    """Whether the file ends as its format ends; false also where only decoding can tell."""
    stream.seek(max(0, found.bytes - len(_PNG_END)))
    tail = stream.read()
    if found.form == "JPEG":
        return tail.endswith(b"\xff\xd9")
    if found.form == "PNG":
        return tail == _PNG_END
    stream.seek(0)
    head = stream.read(8)
    if found.form == "WEBP":
        return int.from_bytes(head[4:8], "little") + 8 <= found.bytes
    if found.form == "BMP":
        return 0 < int.from_bytes(head[2:6], "little") <= found.bytes
    return False  # of the other formats the end tells nothing
