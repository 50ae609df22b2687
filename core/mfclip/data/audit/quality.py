"""The quality that a JPEG was saved with, estimated from its quantisation table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

# The luminance table of ITU-T T.81, Annex K.1, row by row.
_LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)


@lru_cache(maxsize=4096)
def estimate_quality(table: tuple[int, ...]) -> int:
    """The quality, 1-100 on libjpeg's scale, whose luminance table is nearest.

    Exact for files written by libjpeg; for other encoders the libjpeg quality most like theirs.
    ``table``: 64 entries, row by row.
    """
    return min(range(100, 0, -1), key=lambda quality: _distance(table, _scaled(quality)))


def _distance(table: Sequence[int], other: Sequence[int]) -> int:
    return sum(abs(one - two) for one, two in zip(table, other, strict=True))


@cache
def _scaled(quality: int) -> tuple[int, ...]:
    """libjpeg's table of a quality."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (entry * percent + 50) // 100)) for entry in _LUMINANCE)
