"""The kinds of rows of a manifest: what protocols and folds tell rows apart by.

A million rows are of a few hundred kinds, so whatever only asks for these looks at each kind once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, Split


class Kind(NamedTuple):
    """Rows that differ in their image, their identity and their video alone."""

    split: Split
    label: HierarchicalLabel
    group: str

    @property
    def is_fake(self) -> bool:
        """Whether its label says fake."""
        return self.label.is_fake


Tally = Mapping[Kind, int]
"""How many rows there are of each kind."""
Takes = Callable[[Kind], bool]
"""Whether rows of a kind are among those that are wanted."""


@dataclass(frozen=True)
class Kinds:
    """A manifest with the kind of each row."""

    manifest: Manifest
    tally: Tally
    """In the order in which the kinds first come."""
    numbers: tuple[int, ...]
    """For each row the number of its kind."""

    @staticmethod
    def of(manifest: Manifest) -> Kinds:
        """Go through the rows once."""
        seen: dict[tuple[str, int, str], int] = {}  # by label object: quicker than hashing each
        firsts: list[Row] = []
        codes: list[int] = []
        for row in manifest.rows:
            key = row.split, id(row.label), row.group
            code = seen.setdefault(key, len(firsts))
            if code == len(firsts):
                firsts.append(row)
            codes.append(code)
        kinds = [Kind(row.split, row.label, row.group) for row in firsts]
        number: dict[Kind, int] = {}
        numbers = [number.setdefault(kind, len(number)) for kind in kinds]
        tally = Counter(dict.fromkeys(number, 0))
        for code, count in Counter(codes).items():
            tally[kinds[code]] += count
        return Kinds(manifest, tally, tuple(map(numbers.__getitem__, codes)))

    def only(self, takes: Takes) -> Manifest:
        """The manifest of the rows that are taken, in their order."""
        return replace(self.manifest, rows=tuple(compress(self.manifest.rows, self._taken(takes))))

    def places(self, takes: Takes) -> tuple[int, ...]:
        """Where the rows that are taken stand."""
        return tuple(compress(range(len(self.numbers)), self._taken(takes)))

    def _taken(self, takes: Takes) -> map[bool]:
        return map([takes(kind) for kind in self.tally].__getitem__, self.numbers)


def reals_and_fakes(tally: Tally, takes: Takes) -> tuple[int, int]:
    """How many rows are taken: real ones, fake ones."""
    counts = [0, 0]
    for kind, number in tally.items():
        if takes(kind):
            counts[kind.is_fake] += number
    reals, fakes = counts
    return reals, fakes
