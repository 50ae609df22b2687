"""Check: no picture that is nearly another one's copy in another split or under another label.

Two images are near-duplicates where their prints (:mod:`mfclip.data.audit.looks`) differ in at
most 15 of 255 bits. On 4103 portraits, a copy as JPEG of quality 30 differs in 14 bits or fewer
and one of half the size in 18 or fewer (14 in 99 of 100); of unrelated pairs, which differ in
126 on average, one in 100 000 comes below 18.

The search is exact without comparing all pairs: a print is cut into 16 pieces of 16 bits, and
prints that differ in 15 bits or fewer have at least one piece in common. Only images that share
a piece are compared, and only where they differ in split or label.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfclip.data.audit.findings import MAX_EXAMPLES, Finding, first_few, naming
from mfclip.data.audit.looks import Look
from mfclip.data.manifest import SPLITS, Manifest
from mfclip.text import counted

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Int64, UInt16
    from numpy.typing import NDArray

MAX_BITS = 15
"""Bits in which the prints of near-duplicates may differ: one less than a print has pieces."""


@dataclass
class _Crossing:
    """Images that have a near-duplicate on the other side of some border."""

    images: set[int] = field(default_factory=set)
    pairs: dict[tuple[int, int], int] = field(default_factory=dict)
    """A few examples, with the bits in which they differ."""

    def add(self, one: int, other: int, bits: int) -> None:
        self.images |= {one, other}
        if len(self.pairs) < MAX_EXAMPLES:
            self.pairs[min(one, other), max(one, other)] = bits


def check_near_duplicates(manifest: Manifest, looks: Sequence[Look | None]) -> Iterator[Finding]:
    """A warning for near-duplicates in two splits, a note for those with two labels.

    Exact copies are left to :mod:`mfclip.data.audit.duplicates`.
    """
    splits, labels = _Crossing(), _Crossing()
    for one, other, bits in near_pairs(manifest, looks):
        row, twin = manifest.rows[one], manifest.rows[other]
        if row.split and twin.split and row.split != twin.split:
            splits.add(one, other, bits)
        if row.label.label != twin.label.label:
            labels.add(one, other, bits)
    if splits.images:
        yield _finding(manifest, splits, in_splits=True)
    if labels.images:
        yield _finding(manifest, labels, in_splits=False)


def near_pairs(manifest: Manifest, looks: Sequence[Look | None]) -> Iterator[tuple[int, int, int]]:
    """Rows that nearly look alike and differ in split or label: both places, bits that differ.

    A pair may come several times. Exact copies are left out.
    """
    import numpy as np

    known = [at for at, found in enumerate(looks) if found is not None and found.print]
    if len(known) < 2:
        return
    prints = b"".join(found.print for found in (looks[at] for at in known) if found is not None)
    pieces = np.frombuffer(prints, dtype=np.uint16).reshape(len(known), -1)
    sides = np.array([_side(manifest, at) for at in known])
    for i, j, bits in _near(pieces, sides):
        one, other = known[i], known[j]
        if bits or not _same_file(manifest, one, other):
            yield one, other, bits


def _side(manifest: Manifest, at: int) -> int:
    row = manifest.rows[at]
    return 2 * SPLITS.index(row.split) + (row.is_fake)


def _near(
    pieces: UInt16[NDArray[np.uint16], "n pieces"], sides: Int64[NDArray[np.int64], " n"]
) -> Iterator[tuple[int, int, int]]:
    """Pairs that have a piece in common, are near and of two sides."""
    import numpy as np

    ones = _ones()
    for one, other in _candidates(pieces, sides):
        bits = ones[pieces[one] ^ pieces[other]].sum(axis=1, dtype=np.int64)
        for at in np.flatnonzero(bits <= MAX_BITS):
            yield int(one[at]), int(other[at]), int(bits[at])


def _candidates(
    pieces: UInt16[NDArray[np.uint16], "n pieces"], sides: Int64[NDArray[np.int64], " n"]
) -> Iterator[tuple[Int64[NDArray[np.int64], " pairs"], Int64[NDArray[np.int64], " pairs"]]]:
    """Pairs of two sides that share a piece, at most n at once."""
    import numpy as np

    for piece in range(pieces.shape[1]):
        order = _mixed(pieces[:, piece], sides)
        values = pieces[order, piece]
        first, step = np.arange(max(0, len(values) - 1)), 1
        while len(first):
            # Sorted, so images that share the piece stand side by side: 1 apart, 2 apart, ...
            first = first[values[first] == values[first + step]]
            one, other = order[first], order[first + step]
            differ = sides[one] != sides[other]
            yield one[differ], other[differ]
            step += 1
            first = first[first + step < len(values)]


def _mixed(
    values: UInt16[NDArray[np.uint16], " n"], sides: Int64[NDArray[np.int64], " n"]
) -> Int64[NDArray[np.int64], " kept"]:
    """The images in the order of the values, without values that only one side has."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    mixed = np.minimum.reduceat(sides[order], starts) < np.maximum.reduceat(sides[order], starts)
    kept: Int64[NDArray[np.int64], " kept"] = order[
        np.repeat(mixed, np.diff(np.r_[starts, len(order)]))
    ]
    return kept


def _ones() -> NDArray[np.uint8]:
    """The number of set bits of every 16-bit number."""
    import numpy as np

    pairs = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    counted: NDArray[np.uint8] = np.unpackbits(pairs, axis=1).sum(axis=1, dtype=np.uint8)
    return counted


def _same_file(manifest: Manifest, one: int, other: int) -> bool:
    first, second = (manifest.file(manifest.rows[at]) for at in (one, other))
    try:
        return filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def _finding(manifest: Manifest, found: _Crossing, *, in_splits: bool) -> Finding:
    told = [
        f"{manifest.rows[one].path.as_posix()} ~ {manifest.rows[other].path.as_posix()} "
        f"({bits} of 255 bits)"
        for (one, other), bits in found.pairs.items()
    ]
    count = counted(len(found.images), "image")
    if in_splits:
        return Finding(
            "warning",
            "near-duplicate-in-two-splits",
            f"{count} nearly like one of another split{naming(told)}",
            "look at some pairs: copies, and frames of one video, belong in one split",
            first_few(told),
        )
    message = (
        f"{count} nearly like one of the other label, as edits of a picture are, "
        f"and copies with a wrong label{naming(told)}"
    )
    return Finding("note", "near-duplicate-in-two-labels", message, "", first_few(told))
