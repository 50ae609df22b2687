"""Splits for data that name none: drawn from a seed, identities together, labels in proportion."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from mfclip.data.bulk import no_collections
from mfclip.data.manifest import NAMED_SPLITS, Manifest, Row, Split
from mfclip.errors import UsageError

Unit = list[int]
"""Positions of the rows that must go to one split."""


def is_dominant(count: int, total: int) -> bool:
    """Whether so many images of one identity or video are an improbable share of all images."""
    return total >= 30 and count > total / 3


def assign_splits(manifest: Manifest, shares: Sequence[float], seed: int) -> Manifest:
    """Give every row without a split one; rows that have one keep it.

    Images of one identity stay together, also with rows that had a split before; so do frames of
    one video where no identity is known. Labels, generators and groups are spread in proportion
    as well as that allows, and where three identities or more have a label, every split with a
    share gets some of it. The same rows, shares and seed give the same splits in any order of
    the rows.

    Parameters
    ----------
    shares
        Of train, validation and test; not negative, summing to 1.

    Raises
    ------
    UsageError
        For shares that are none.
    """
    _check(shares)
    if all(row.split for row in manifest.rows):
        return manifest
    with no_collections():
        units = _units(manifest.rows, seed)
        tally = _Tally(manifest.rows, units, shares)
        known = _known_splits(manifest.rows)
        rows = list(manifest.rows)
        for unit in units:
            name = known.get(rows[unit[0]].unit) or tally.neediest(unit)
            tally.give(unit, name)
            for position in unit:
                rows[position] = rows[position].in_split(name)
        return replace(manifest, rows=tuple(rows))


def _check(shares: Sequence[float]) -> None:
    right = len(shares) == 3 and min(shares) >= 0 and math.isclose(sum(shares), 1, abs_tol=1e-6)
    if not right:
        raise UsageError(
            f"split shares {list(shares)} must be three numbers for train, validation and test, "
            "not negative, that sum to 1; for example 0.7, 0.15, 0.15"
        )


def _units(rows: Sequence[Row], seed: int) -> list[Unit]:
    """Rows without a split, joined by identity: big units first, else in a drawn order."""
    joined: dict[Hashable, Unit] = defaultdict(list)
    for position, row in enumerate(rows):
        if not row.split:
            joined[row.unit].append(position)
    units = sorted(joined.values(), key=lambda unit: min(rows[at].path.as_posix() for at in unit))
    random.Random(seed).shuffle(units)
    return sorted(units, key=len, reverse=True)


def _known_splits(rows: Iterable[Row]) -> dict[Hashable, Split]:
    """The split that the data already give an identity or a video."""
    return {row.unit: row.split for row in rows if row.split}


def _kind(row: Row) -> tuple[str, str, str]:
    return row.label.label, row.label.generator, row.group


def _strata(label: str, generator: str, group: str) -> tuple[Hashable, ...]:
    """What is kept in proportion, coarse to fine: label, generator, and that within a group."""
    return label, (label, generator), (label, generator, group)


class _Tally:
    """How many rows of each stratum each split still lacks."""

    def __init__(self, rows: Sequence[Row], units: Sequence[Unit], shares: Sequence[float]) -> None:
        kinds: dict[tuple[str, str, str], int] = {}
        self._kind = [kinds.setdefault(_kind(row), len(kinds)) for row in rows]
        self._strata = [_strata(*kind) for kind in kinds]
        """By the number of a kind."""
        self._size = self._of(position for unit in units for position in unit)
        self._units_left = Counter(label for unit in units for label in self._labels_of(unit))
        self._lack = {
            (name, stratum): share * size
            for stratum, size in self._size.items()
            for name, share in zip(NAMED_SPLITS, shares, strict=True)
        }
        self._bare = {
            label: [name for name, share in zip(NAMED_SPLITS, shares, strict=True) if share > 0]
            for label in self._units_left
        }
        """By label the splits that have none of it yet."""
        self._names = [name for name, share in zip(NAMED_SPLITS, shares, strict=True) if share > 0]

    def neediest(self, unit: Unit) -> Split:
        """The split that lacks most of what the unit holds, each stratum relative to its size."""
        held = self._of(unit)

        def need(name: Split) -> float:
            return sum(
                count * self._lack[name, stratum] / self._size[stratum]
                for stratum, count in held.items()
            )

        return max(self._open_to(unit), key=need)

    def give(self, unit: Unit, name: Split) -> None:
        """Count the unit's rows as the split's."""
        for stratum, count in self._of(unit).items():
            lack = self._lack[name, stratum]
            for _ in range(count):  # at once it would round otherwise, and split otherwise
                lack -= 1
            self._lack[name, stratum] = lack
        for label in self._labels_of(unit):
            self._units_left[label] -= 1
            self._bare[label] = [other for other in self._bare[label] if other != name]

    def _open_to(self, unit: Unit) -> Sequence[Split]:
        """All splits, unless these are the last units with which to give each its labels."""
        for label in sorted(self._labels_of(unit), key=str):
            bare = self._bare[label]
            if bare and self._units_left[label] <= len(bare):
                return bare
        return self._names

    def _labels_of(self, unit: Unit) -> set[Hashable]:
        return {self._strata[kind][0] for kind in {self._kind[position] for position in unit}}

    def _of(self, positions: Iterable[int]) -> Counter[Hashable]:
        """Rows by stratum."""
        found: Counter[Hashable] = Counter()
        for kind, count in Counter(map(self._kind.__getitem__, positions)).items():
            for stratum in self._strata[kind]:
                found[stratum] += count
        return found
