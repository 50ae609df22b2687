"""A PNG file without the metadata that no pixel depends on.

Image generators and editors write text and colour profiles of megabytes, which Pillow refuses
by limits of the whole process. Here such chunks are left out before Pillow sees them, so the
limits stay as they are and memory is bounded.
"""

from __future__ import annotations

import io
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

_SIGNATURE = 8
_KEPT = frozenset({b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
"""Ancillary chunks that change the picture: transparency, orientation, animation."""
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_KEYS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""Texts that may hold the orientation."""
_TEXT_LIMIT = 1 << 18
"""Bytes of the longest text that is kept, as it is stored and inflated."""
_CHUNKS = 1 << 20
"""Chunks that are looked at; from there on the file is passed as it is."""


def lean_png(stream: BinaryIO) -> BinaryIO:
    """Give the stream without its superfluous chunks; a damaged rest is passed as it is."""
    return io.BufferedReader(_Spliced(stream, list(_merged(_parts(stream)))))


def _parts(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Start and length of what is kept."""
    size = stream.seek(0, os.SEEK_END)
    yield 0, min(_SIGNATURE, size)
    place = _SIGNATURE
    for _ in range(_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or place + 12 + length > size:
            break
        if _matters(stream, kind, length):
            yield place, 12 + length
        place += 12 + length
        if kind == b"IEND":
            return
    if place < size:
        yield place, size - place


def _matters(stream: BinaryIO, kind: bytes, length: int) -> bool:
    """Whether a chunk is needed; the stream stands at its data."""
    if kind not in _TEXTS:
        return not kind[0] & 0x20 or kind in _KEPT  # a capital letter: critical
    if length > _TEXT_LIMIT:
        return False
    data = stream.read(length)
    return data.startswith(_KEYS) and _inflates_little(kind, data)


def _inflates_little(kind: bytes, data: bytes) -> bool:
    text = data.partition(b"\0")[2]
    if kind == b"iTXt":
        packed, rest = text[:1] == b"\1", text[2:]
        text = rest.split(b"\0", 2)[-1]
    else:
        packed, text = kind == b"zTXt", text[1:]
    if not packed:
        return True
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(text, _TEXT_LIMIT)
    except zlib.error:
        return False
    return inflater.eof


def _merged(parts: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join parts that touch."""
    start, length = next(parts)
    for place, more in parts:
        if place == start + length:
            length += more
        else:
            yield start, length
            start, length = place, more
    yield start, length


class _Spliced(io.RawIOBase):
    """Parts of a stream as one; it does not close the stream."""

    def __init__(self, stream: BinaryIO, parts: list[tuple[int, int]]) -> None:
        self._stream, self._parts = stream, parts
        self._place, self._size = 0, sum(length for _, length in parts)
        self._part, self._before = 0, 0
        """The part that was read last, and the bytes of the parts before it."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._place >= self._size:
            return 0
        start, length = self._find()
        inside = self._place - self._before
        view = memoryview(buffer).cast("B")
        self._stream.seek(start + inside)
        data = self._stream.read(min(len(view), length - inside))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _find(self) -> tuple[int, int]:
        """The part at the place, which is most often the last one or the next."""
        if self._place < self._before:
            self._part, self._before = 0, 0
        while self._place >= self._before + self._parts[self._part][1]:
            self._before += self._parts[self._part][1]
            self._part += 1
        return self._parts[self._part]
