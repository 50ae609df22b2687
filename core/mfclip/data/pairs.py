"""Fakes and the photos that they were made from: the column ``counterpart``.

A manifest may name the photo of each fake. Where it has no such column, the photo is found by what
it says of the rows, and only where that leaves no doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from mfclip.data.bulk import no_collections
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
    with no_collections():
        photos = _Photos(manifest)
        return replace(manifest, rows=tuple(_paired(row, photos) for row in manifest))


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


class _Photos:
    """The real images, by what a fake shares with the photo it is made from."""

    def __init__(self, manifest: Manifest) -> None:
        self._of: dict[Hashable, list[Row]] = defaultdict(list)
        for row in manifest:
            if row.identity and not row.is_fake:
                person = (row.identity, row.split)
                self._of[person].append(row)
                self._of[*person, row.path.stem].append(row)
                if row.video:
                    self._of[*person, frame_number(row.path.stem)].append(row)

    def of(self, fake: Row) -> Row | None:
        """The one it is made from; None where there is a doubt."""
        person, stem = (fake.identity, fake.split), fake.path.stem
        if fake.video:
            number = frame_number(stem)
            return None if number is None else self._only((*person, number))
        return self._only((*person, stem)) or self._only(person)

    def _only(self, key: Hashable) -> Row | None:
        found = self._of.get(key, ())
        return found[0] if len(found) == 1 else None


def _paired(row: Row, photos: _Photos) -> Row:
    photo = photos.of(row) if row.is_fake else None
    if photo is None:
        return row
    return replace(row, further=(*row.further, (COUNTERPART, photo.path.as_posix())))
