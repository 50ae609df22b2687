"""The experiments of each protocol from the labels of a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from mfclip.bench.experiments import Column, Condition, Experiment, Options
from mfclip.bench.naming import full, shown, slug
from mfclip.bench.selections import LEVELS, Counts, Level, Selection, Where, count, pair
from mfclip.data.kind_folds import kind_of
from mfclip.data.kinds import Kinds
from mfclip.errors import DataError

if TYPE_CHECKING:
    from mfclip.data.kinds import Kind, Tally
    from mfclip.data.manifest import Manifest, Split


class Maker:
    """Makes experiments and gathers what was left out."""

    def __init__(self, manifest: Manifest, options: Options) -> None:
        self.tally, self.options = Kinds.of(manifest).tally, options
        self.notes: list[str] = []

    def within(self) -> list[Experiment]:
        """Train on everything; test on everything and, where there are groups, on each."""
        groups = self.values("group", self.fakes())
        columns = [self.column(self.whole, ())]
        if len(groups) > 1:
            columns += [self.column(shown(group), (_is("group", group),)) for group in groups]
        return [
            self.experiment(
                self.whole, "", (), [c.model_copy(update={"within": True}) for c in columns]
            )
        ]

    def robustness(self) -> list[Experiment]:
        """Train on everything as it is; test on everything, corrupted."""
        self.fakes()
        clean = self.column("0", ())
        start = None if self.options.size is None else Condition(corruption="none", level=0)
        columns = [
            clean.model_copy(
                update={
                    "name": str(level),
                    "row": name,
                    "condition": Condition(corruption=name, level=level) if level else start,
                    "within": not level,
                }
            )
            for name in dict.fromkeys(self.options.corruptions)
            for level in (0, *dict.fromkeys(self.options.levels))
        ]
        return [self.experiment(self.whole, "", (), columns)]

    def crossed(
        self, level: Level, inside: tuple[Where, ...] = (), block: str = ""
    ) -> list[Experiment]:
        """Train on each value of a column, test on every one."""
        names = self.values(level, [kind for kind in self.fakes() if _all_hold(kind, inside)])
        if len(names) < 2:
            raise DataError(too_few(self.tally, level, names, inside, "cross them"))
        conditions = {name: (*inside, _is(level, name)) for name in names}
        columns = {name: self.column(shown(name), conditions[name]) for name in names}
        return [
            self.experiment(
                shown(name),
                block,
                conditions[name],
                [
                    column.model_copy(update={"within": other == name})
                    for other, column in columns.items()
                ],
            )
            for name in names
        ]

    def cross_generator(self) -> list[Experiment]:
        """One block for each combination of the columns to stay inside of."""
        inside = self.options.inside
        keys = {tuple(kind_of(kind, level) for level in inside) for kind in self.fakes()}
        found: list[Experiment] = []
        alone: list[str] = []
        for key in sorted(keys):
            conditions = tuple(map(_is, inside, key))
            block = " ".join(map(shown, key))
            try:
                found += self.crossed("generator", conditions, block)
            except DataError as error:
                alone.append(str(error))
        if not found:
            raise DataError("\n".join(alone))
        self.notes += [f"left out: {reason}" for reason in alone]
        return found

    def experiment(
        self, name: str, block: str, fakes: Sequence[Where], columns: Sequence[Column]
    ) -> Experiment:
        """Pair training fakes with reals, and count; leave out columns without images."""
        fakes = self.narrowed(fakes)
        selection, note = pair(self.tally, fakes, self.options.reals, ("train", "val"))
        self.notes += [
            f"not tested on {full(block, column.name)}: no {column.counts.lacks} images in the "
            "split test"
            for column in columns
            if column.counts.lacks
        ]
        return Experiment(
            name=name,
            block=block,
            slug=slug(fakes),
            train=selection,
            columns=tuple(column for column in columns if not column.counts.lacks),
            counts=self._count("train", selection),
            validation=self._count("val", selection),
            note=note,
        )

    def column(self, name: str, fakes: Sequence[Where]) -> Column:
        """Pair test fakes with reals, and count."""
        fakes = self.narrowed(fakes)
        selection, note = pair(self.tally, fakes, self.options.reals, ("test",))
        counts = self._count("test", selection)
        return Column(name=name, selection=selection, counts=counts, note=note)

    def _count(self, split: Split, selection: Selection) -> Counts:
        return count(self.tally, lambda kind: kind.split == split and selection.takes(kind))

    @property
    def whole(self) -> str:
        """What tables call all fakes that take part."""
        return " ".join(where.words for where in self.options.among) or "all"

    def narrowed(self, fakes: Sequence[Where]) -> tuple[Where, ...]:
        """Conditions together with those that hold for all fakes of the protocol."""
        return tuple(dict.fromkeys([*self.options.among, *fakes]))

    def fakes(self) -> dict[Kind, int]:
        """Every kind of fakes that takes part, with its rows."""
        fakes = {kind: number for kind, number in self.tally.items() if kind.is_fake}
        taking_part = {k: n for k, n in fakes.items() if _all_hold(k, self.options.among)}
        if not taking_part:
            wanted = ", ".join(
                f"{where.column}{'=' if where.equal else '!='}{where.value}"
                for where in self.options.among
            )
            raise DataError(f"there are no fakes with {wanted}: {_kinds(fakes)}")
        return taking_part

    def values(self, level: Level, kinds: Iterable[Kind]) -> list[str]:
        """The distinct contents of a column, sorted; the empty one only of groups."""
        found = {kind_of(kind, level) for kind in kinds}
        return sorted(value for value in found if value or (level == "group" and len(found) > 1))


def too_few(
    tally: Tally, level: Level, names: Sequence[str], inside: Sequence[Where], purpose: str
) -> str:
    """What a protocol needs of a column and what it found there."""
    scope = ", ".join(f"{where.column} {where.words or '(empty)'}" for where in inside)
    found: Counter[str] = Counter()
    for kind, number in tally.items():
        if kind.is_fake and _all_hold(kind, inside):
            found[kind_of(kind, level) or "(empty)"] += number
    return (
        f"two named values of `{level}` are needed to {purpose}, and the fakes of "
        f"{scope or 'these data'} have {len(names)}; the column holds: {listed(found)}"
    )


def _kinds(fakes: Collection[Kind]) -> str:
    """What the columns of the fakes hold."""
    held = {level: sorted({kind_of(kind, level) for kind in fakes} - {""}) for level in LEVELS}
    told = [f"{level} is {', '.join(names)}" for level, names in held.items() if names]
    return "; ".join(told) or "no fake has a label beside it"


def listed(found: Counter[str]) -> str:
    """``alpha (6 images), beta (2 images)``."""
    return ", ".join(f"{name} ({n} images)" for name, n in sorted(found.items())) or "nothing"


def _is(column: Level, value: str) -> Where:
    return Where(column=column, value=value)


def _all_hold(kind: Kind, conditions: Iterable[Where]) -> bool:
    return all(where.holds(kind) for where in conditions)
