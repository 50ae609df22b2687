"""Folds that each leave one kind of forgery out: trained without it, judged by it.

What tells how a detector fares on forgeries that it has not seen is a kind that it has not seen.
Here are the rows of each fold; who trains and scores on them is told elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

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


def kind_of(row: Row, column: Column) -> str:
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
    train, val = manifest.of_split("train"), manifest.of_split("val")
    _require_named((*train, *val), column)
    kinds = Counter(kind_of(row, column) for row in train if row.is_fake)
    if len(kinds) < 2:
        found = ", ".join(f"{kind!r} ({counted(n, 'image')})" for kind, n in kinds.items())
        raise DataError(
            f"{_named(column)}: leaving one out takes two kinds or more among the fakes of train, "
            f"and column {column!r} has {len(kinds)}: {found or 'no fake at all'}; leave out by "
            "another column, or validate on 'val'"
        )
    folds = tuple(_fold(train, val, column, kind) for kind in sorted(kinds))
    if wanting := [line for fold in folds for line in _wanting(fold)]:
        raise DataError(
            "\n".join([f"{_named(column)}: some folds lack images:", *wanting])
            + "\neach kind needs fakes in train and in val, and reals on both sides; split the "
            "data so, or leave out by another column"
        )
    return folds


def never_left_out(manifest: Manifest, column: Column) -> dict[str, int]:
    """Kinds of val that train has none of, with their fakes: no fold judges them."""
    known = {kind_of(row, column) for row in manifest.of_split("train") if row.is_fake}
    fakes = (row for row in manifest.of_split("val") if row.is_fake)
    found = Counter(kind for row in fakes if (kind := kind_of(row, column)) not in known)
    return dict(sorted(found.items()))


def _fold(train: Manifest, val: Manifest, column: Column, kind: str) -> KindFold:
    def is_left_out(row: Row) -> bool:
        return kind_of(row, column) == kind and (row.is_fake or column == "group")

    fakes = {i for i, row in enumerate(val) if row.is_fake and kind_of(row, column) == kind}
    reals, caution = _counterpart(val.rows, fakes)
    places = sorted(fakes | reals)
    return KindFold(
        kind,
        train=_only(train, lambda row: not is_left_out(row)),
        judged=replace(val, rows=tuple(val.rows[i] for i in places)),
        places=tuple(places),
        caution=caution,
    )


def _counterpart(rows: Sequence[Row], fakes: set[int]) -> tuple[set[int], str]:
    """Positions of the reals that some fakes are compared with, and what to beware of."""
    groups = {rows[i].group for i in fakes}
    reals = {i for i, row in enumerate(rows) if not row.is_fake}
    same = {i for i in reals if rows[i].group in groups}
    if same or not fakes:
        return same, ""
    names = ", ".join(group or "(unnamed)" for group in sorted(groups))
    return reals, (
        f"no reals of {names} in val: compared with the reals of all groups, so the figure mixes "
        "forgery with any other difference between the groups"
    )


def _only(manifest: Manifest, keep: Callable[[Row], bool]) -> Manifest:
    return replace(manifest, rows=tuple(row for row in manifest if keep(row)))


def _require_named(rows: Sequence[Row], column: Column) -> None:
    fakes = [row for row in rows if row.is_fake]
    silent = [row for row in fakes if not kind_of(row, column)]
    if silent:
        raise DataError(
            f"{_named(column)}: {len(silent)} of {counted(len(fakes), 'fake')} in train and val "
            f"have nothing in column {column!r}, such as {silent[0].path}: nobody can tell "
            "whether they are of a kind that is left out; fill in the column, or leave out by "
            "another one"
        )


def _wanting(fold: KindFold) -> list[str]:
    """What a fold lacks, in words."""
    lines = []
    for doing, manifest in (("trained without it", fold.train), ("judged by it", fold.judged)):
        fakes = sum(row.is_fake for row in manifest)
        reals = len(manifest) - fakes
        if not (reals and fakes):
            lines.append(f"  {fold.kind!r}, {doing}: {reals} real and {fakes} fake images")
    return lines


def _named(column: Column) -> str:
    return f"validation 'left-out:{column}'"
