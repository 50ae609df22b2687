"""Fakes and the photos that they were made from: the column ``counterpart``.

A manifest may name the photo of each fake. Where it has no such column, the photo is found by what
it says of the rows, and only where that leaves no doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from mfclip.data.manifest import Manifest, Row

COUNTERPART = "counterpart"
"""The column: path of the real photo, as paths of images are written. Empty: not known."""


def with_counterparts(manifest: Manifest) -> Manifest:
    """The manifest with the column ``counterpart``, where it has none.

    The photo of a fake is a real image of its ``identity`` and split: the one whose file has the
    fake's name, else the only one there is. Of a frame of a video it is the one frame of that
    number. A photo of another split is never taken, nor one of several.
    """
    if any(name == COUNTERPART for row in manifest for name, _ in row.further):
        return manifest
    reals: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in manifest:
        if row.identity and not row.is_fake:
            reals[row.identity, row.split].append(row)
    rows = tuple(_paired(row, reals.get((row.identity, row.split), ())) for row in manifest)
    return replace(manifest, rows=rows)


def counterpart_of(row: Row) -> str:
    """What a row says in the column; empty where it says nothing."""
    return dict(row.further).get(COUNTERPART, "")


def told(manifest: Manifest, names: Sequence[str]) -> str:
    """How many fakes have a counterpart, for people; ``names`` are the inputs made of it."""
    fakes = [row for row in manifest if row.is_fake]
    paired = sum(counterpart_of(row) != "" for row in fakes)
    text = f"{', '.join(names)}: {paired} of {len(fakes)} fakes have a counterpart"
    if paired == len(fakes):
        return text
    return (
        f"{text}; the others get what stands for an unknown one (see the input). Name the photos "
        "in the manifest's column `counterpart`, or give each fake the `identity` of its photo"
    )


def frame_number(stem: str) -> int | None:
    """The last number in a file's name: ``frame_0012`` is 12; None without one."""
    found = re.findall(r"\d+", stem)
    return int(found[-1]) if found else None


def _paired(row: Row, reals: Sequence[Row]) -> Row:
    photo = _photo(row, reals) if row.is_fake else None
    if photo is None:
        return row
    return replace(row, further=(*row.further, (COUNTERPART, photo.path.as_posix())))


def _photo(fake: Row, reals: Sequence[Row]) -> Row | None:
    if fake.video:
        number = frame_number(fake.path.stem)
        same = [one for one in reals if one.video and frame_number(one.path.stem) == number]
        return same[0] if len(same) == 1 and number is not None else None
    same = [one for one in reals if one.path.stem == fake.path.stem]
    if len(same) == 1:
        return same[0]
    return reals[0] if len(reals) == 1 else None
