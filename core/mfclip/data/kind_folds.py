"""Folds that each leave one kind of forgery out: trained without it, judged by it.

What tells how a detector fares on forgeries that it has not seen is a kind that it has not seen.
Here are the rows of each fold; who trains and scores on them is told elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from mfclip.data.kinds import Kind, Kinds, Tally, reals_and_fakes
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import DataError
from mfclip.text import counted

Column = Literal["forgery", "family", "generator", "group"]
"""A column of the manifest that tells kinds apart."""
COLUMNS: tuple[Column, ...] = get_args(Column)


@dataclass(frozen=True)
class KindFold:
    """What one detector is trained on, and what it is judged by."""

    kind: str
    """Content of the column that is left out of the training."""
    train: Manifest
    """Rows of train without the fakes of the kind; of a group, without its reals too."""
    judged: Manifest
    """Rows of val: the fakes of the kind, and the reals that they are compared with."""
    places: tuple[int, ...]
    """Where the judged rows stand among the rows of val."""
    caution: str = ""
    """What to beware of in its figures; usually nothing."""


def kind_of(row: Row | Kind, column: Column) -> str:
    """The content of one of the columns of :data:`COLUMNS`."""
    kind: str = row.group if column == "group" else getattr(row.label, column)
    return kind


def kind_folds(manifest: Manifest, column: Column) -> tuple[KindFold, ...]:
    """A fold for every kind among the fakes of the train split, by name.

    The fakes of a kind in val are compared with the reals of the groups that they are in there, and
    with all reals of val where those groups have none.

    Parameters
    ----------
    manifest
        Every row with its split; rows of test are not looked at.

    Raises
    ------
    DataError
        Where a fake of train or val does not say what kind it is; for fewer than two kinds; where
        a fold lacks real or fake rows to train on or to be judged by. Every such fold is told.
    """
    train, val = Kinds.of(manifest.of_split("train")), Kinds.of(manifest.of_split("val"))
    _require_named(train, val, column)
    kinds = _fakes_by(train.tally, column)
    if len(kinds) < 2:
        found = ", ".join(f"{kind!r} ({counted(n, 'image')})" for kind, n in kinds.items())
        raise DataError(
            f"{_named(column)}: leaving one out takes two kinds or more among the fakes of train, "
            f"and column {column!r} has {len(kinds)}: {found or 'no fake at all'}; leave out by "
            "another column, or validate on 'val'"
        )
    rules = [_Rule.of(kind, column, val.tally) for kind in sorted(kinds)]
    if wanting := [line for rule in rules for line in rule.wanting(train.tally, val.tally)]:
        raise DataError(
            "\n".join([f"{_named(column)}: some folds lack images:", *wanting])
            + "\neach kind needs fakes in train and in val, and reals on both sides; split the "
            "data so, or leave out by another column"
        )
    return tuple(rule.fold(train, val) for rule in rules)


def never_left_out(manifest: Manifest, column: Column) -> dict[str, int]:
    """Kinds of val that train has none of, with their fakes: no fold judges them."""
    tally = Kinds.of(manifest).tally
    train, val = (
        _fakes_by({kind: n for kind, n in tally.items() if kind.split == split}, column)
        for split in ("train", "val")
    )
    return dict(sorted((name, n) for name, n in val.items() if name not in train))


@dataclass(frozen=True)
class _Rule:
    """What a fold takes."""

    kind: str
    column: Column
    groups: frozenset[str] | None
    """Of the reals that its fakes are compared with; None: all of them."""
    caution: str

    @staticmethod
    def of(kind: str, column: Column, val: Tally) -> _Rule:
        groups = {one.group for one in val if one.is_fake and kind_of(one, column) == kind}
        if not groups or any(not one.is_fake and one.group in groups for one in val):
            return _Rule(kind, column, frozenset(groups), "")
        names = ", ".join(group or "(unnamed)" for group in sorted(groups))
        caution = (
            f"no reals of {names} in val: compared with the reals of all groups, so the figure "
            "mixes forgery with any other difference between the groups"
        )
        return _Rule(kind, column, None, caution)

    def trains(self, one: Kind) -> bool:
        """Whether the fold is trained with it."""
        return not (kind_of(one, self.column) == self.kind and (one.is_fake or self._whole))

    def judges(self, one: Kind) -> bool:
        """Whether the fold is judged by it."""
        if one.is_fake:
            return kind_of(one, self.column) == self.kind
        return self.groups is None or one.group in self.groups

    @property
    def _whole(self) -> bool:
        """Whether reals are left out as well."""
        return self.column == "group"

    def fold(self, train: Kinds, val: Kinds) -> KindFold:
        return KindFold(
            self.kind,
            train=train.only(self.trains),
            judged=val.only(self.judges),
            places=val.places(self.judges),
            caution=self.caution,
        )

    def wanting(self, train: Tally, val: Tally) -> list[str]:
        """What the fold lacks, in words."""
        lines = []
        parts = (("trained without it", train, self.trains), ("judged by it", val, self.judges))
        for doing, tally, takes in parts:
            reals, fakes = reals_and_fakes(tally, takes)
            if not (reals and fakes):
                lines.append(f"  {self.kind!r}, {doing}: {reals} real and {fakes} fake images")
        return lines


def _fakes_by(tally: Tally, column: Column) -> Counter[str]:
    """Fakes by their content of a column."""
    found: Counter[str] = Counter()
    for kind, number in tally.items():
        if kind.is_fake:
            found[kind_of(kind, column)] += number
    return found


def _require_named(train: Kinds, val: Kinds, column: Column) -> None:
    both = [*train.tally.items(), *val.tally.items()]
    fakes = sum(number for kind, number in both if kind.is_fake)
    silent = sum(number for kind, number in both if _is_silent(kind, column))
    if silent:
        rows = (row for part in (train, val) for row in part.manifest if _is_silent(row, column))
        raise DataError(
            f"{_named(column)}: {silent} of {counted(fakes, 'fake')} in train and val "
            f"have nothing in column {column!r}, such as {next(rows).path}: nobody can tell "
            "whether they are of a kind that is left out; fill in the column, or leave out by "
            "another one"
        )


def _is_silent(row: Row | Kind, column: Column) -> bool:
    return row.is_fake and not kind_of(row, column)


def _named(column: Column) -> str:
    return f"validation 'left-out:{column}'"
