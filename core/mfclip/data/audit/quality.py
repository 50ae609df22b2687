"""The quality that a JPEG was saved with, estimated from its quantisation table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from zlib import crc32

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


@dataclass(frozen=True, slots=True, order=True)
class Quality:
    """How strongly a JPEG was compressed."""

    level: int
    """1-100 on libjpeg's scale: exact for libjpeg's own tables, else of the most similar one."""
    table: str = ""
    """Names a table that is not libjpeg's; empty for those."""

    def __str__(self) -> str:
        return f"like {self.level} (table {self.table})" if self.table else str(self.level)


@lru_cache(maxsize=4096)
def estimate_quality(table: tuple[int, ...]) -> Quality:
    """The quality of a luminance table: 64 entries, row by row."""
    level = min(range(100, 0, -1), key=lambda quality: _distance(table, _scaled(quality)))
    if table == _scaled(level):
        return Quality(level)
    return Quality(level, f"{crc32(repr(table).encode()):08x}")


def _distance(table: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Of the logarithms, so that each frequency counts alike."""
    pairs = zip(table, other, strict=True)
    return sum(abs(math.log(max(one, 1) / two)) for one, two in pairs)


@cache
def _scaled(quality: int) -> tuple[int, ...]:
    """libjpeg's table of a quality."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (entry * percent + 50) // 100)) for entry in _LUMINANCE)
