"""What the markers of a JPEG file tell: its kind, and whether all its scans are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

END = b"\xff\xd9"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_DECODED = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_SCAN = 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_HEADS = (1 << 14, 1 << 22)
"""Bytes that are searched for the frame header: EXIF and profiles may fill megabytes."""
_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PATTERNS = (b"\x00", b"\x55", b"\xaa", b"\xff\x00")
"""All that two bits can be: whatever code is read next, it differs between them."""


class Segment(NamedTuple):
    """One marker and the bytes that belong to it, without its length."""

    marker: int
    body: bytes


def unsupported_kind(stream: BinaryIO) -> str | None:
    """Name a kind of JPEG that is not decoded; None for all others, damaged ones as well."""
    for size in _HEADS:
        stream.seek(0)
        for marker, body in segments(stream.read(size)):
            if marker in _FRAMES and body:
                return _unsupported(marker, body[0])
    return None


def _unsupported(marker: int, depth: int) -> str | None:
    if marker in _LOSSLESS:
        return "lossless JPEG"
    if marker not in _DECODED:
        return "hierarchical JPEG"
    return None if depth == 8 else f"{depth}-bit JPEG"


def segments(data: bytes) -> Iterator[Segment]:
    """The marker segments, as far as the data go; pixel data are skipped."""
    place = 2
    while (found := _NEXT.search(data, place)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == END[1]:
            return
        if marker in _BARE:
            place = start
            continue
        length = int.from_bytes(data[start : start + 2], "big")
        if length < 2 or start + length > len(data):
            return
        yield Segment(marker, data[start + 2 : start + length])
        place = start + length


def has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component is in some scan, to its last bit."""
    due: dict[int, set[int]] = {}
    progressive = False
    for marker, body in segments(data):
        if marker in _FRAMES and len(body) >= 6:
            progressive = marker in _PROGRESSIVE
            due = {body[at]: set(range(64)) for at in range(6, len(body) - 2, 3)}
        elif marker == _SCAN and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[-3], body[-2], body[-1] & 15
            sent = set(range(first, last + 1) if progressive else range(64))
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if not bits:
                    due.get(component, set()).difference_update(sent)
    return bool(due) and not any(due.values())


def ended(data: bytes) -> bytes:
    """The file with an end marker."""
    return data.rstrip(b"\xff") + END


def continued(data: bytes) -> Iterator[bytes]:
    """The file with more pixel data of several kinds, then the end marker.

    Where the pixel data are complete, a decoder skips what follows and all these give the same
    picture. Where a part is missing, it takes the part from what follows, and they differ; the
    restart markers are there so that it does so after any of them.
    """
    for pattern in _PATTERNS:
        restarts = b"".join(bytes((0xFF, 0xD0 + number)) + pattern * 64 for number in range(8))
        yield data.rstrip(b"\xff") + pattern * 256 + restarts + END
