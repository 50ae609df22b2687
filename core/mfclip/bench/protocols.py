"""The paper's protocols as pure functions of a manifest: what is trained and what it is tested on.

A protocol is a set of experiments. An experiment trains on one selection of images and tests on
several, its columns. Which experiments there are follows from the labels alone, so a protocol
runs on any data set that has them. The splits of the data are always kept: rows of the split
``train`` are learnt from, rows of ``val`` *of the training selection* choose the epoch and the
threshold, rows of ``test`` are tested on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field

from mfclip.bench.selections import (
    LEVELS,
    Counts,
    Frozen,
    Level,
    Reals,
    Selection,
    Where,
    count,
    level_of,
    pair,
)
from mfclip.data.manifest import NAMED_SPLITS
from mfclip.errors import DataError, UsageError
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest, Row

Name = Literal["within", "cross-forgery", "cross-generator", "cross-dataset", "robustness"]
"""The protocols on offer."""
NAMES: tuple[Name, ...] = get_args(Name)
SEVEN = ("saturation", "contrast", "block", "noise", "blur", "pixelation", "video-compression")
"""The corruptions of Fig. 7."""
TITLES: dict[Name, str] = {
    "within": "Within the data set",
    "cross-forgery": "Cross-forgery generalisation",
    "cross-generator": "Cross-generator generalisation",
    "cross-dataset": "Cross-dataset generalisation",
    "robustness": "Robustness to corruptions never trained on",
}
PAPER: dict[Name, str] = {
    "within": "",
    "cross-forgery": "Table I",
    "cross-generator": "Tables II to IV",
    "cross-dataset": "Table V",
    "robustness": "Fig. 7",
}
"""Where the paper has the like."""


CorruptionLevel = Annotated[int, Field(ge=1, le=5)]


class Options(Frozen):
    """What a protocol can be told. The defaults are the paper's, but for the reals."""

    reals: Reals = "same-group"
    """Which reals go with some fakes. GenFace has no groups, so there both are the same."""
    inside: tuple[Level, ...] = ("forgery",)
    """cross-generator: generators are crossed with those that share these columns. ``forgery``
    gives Tables II and IV, ``family`` gives Table III; none crosses all of them."""
    among: tuple[Where, ...] = ()
    """Only fakes with these labels take part, with their reals; none: all of them."""
    train: tuple[str, ...] = ()
    """Training sets to use; none: every one. The paper's Table V trains on FF++ only."""
    corruptions: tuple[str, ...] = Field(default=SEVEN, min_length=1)
    """robustness: parts of the kind ``corruption``."""
    levels: tuple[CorruptionLevel, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)
    """robustness: of each corruption, 1 to 5; level 0, uncorrupted, is always there."""
    size: int | None = Field(default=None, ge=1)
    """robustness: pixels of the shorter side at which images are corrupted; None: their own."""


class Condition(Frozen):
    """What is done to test images before a detector sees them."""

    corruption: str
    """Name of a part; ``none`` at level 0."""
    level: int
    """1 to 5; 0 only brings the image to the size at which others are corrupted."""

    @property
    def slug(self) -> str:
        """As part of a file's name."""
        return f"{self.corruption}-{self.level}"


class Column(Frozen):
    """One test of an experiment: one figure for each detector and seed."""

    name: str
    """Head of the column."""
    selection: Selection
    """Which rows of the test split."""
    condition: Condition | None = None
    """None: the images as they are."""
    within: bool = False
    """Whether these are the kind of fakes that were trained on."""
    row: str = ""
    """Row of the table, where it is not the experiment's name."""
    counts: Counts = Counts()
    """Test images."""
    note: str = ""
    """What to beware of."""


class Experiment(Frozen):
    """One training set and what is tested after training on it."""

    name: str
    """Of the training set, as tables show it."""
    block: str
    """Experiments of one block share a table."""
    slug: str
    """As part of a file's name. The same training set has the same slug in every protocol."""
    train: Selection
    """Rows of the splits train and val."""
    columns: tuple[Column, ...]
    counts: Counts = Counts()
    """Training images."""
    validation: Counts = Counts()
    """Images that the epoch and the threshold are chosen on."""
    note: str = ""
    """What to beware of."""

    def tested(self, test: Manifest, condition: Condition | None) -> Manifest:
        """The rows of a test split that are scored: corrupted only those that a column takes."""
        if condition is None:
            return test
        taken = [column.selection for column in self.columns if column.condition == condition]
        rows = tuple(row for row in test.rows if any(one.takes(row) for one in taken))
        return replace(test, rows=rows)


class Protocol(Frozen):
    """Everything that is to be trained and tested."""

    name: Name
    options: Options
    experiments: tuple[Experiment, ...]
    notes: tuple[str, ...] = ()
    """What the data do not allow, and was left out."""


def make_protocol(name: str, manifest: Manifest, options: Options | None = None) -> Protocol:
    """The experiments of a protocol on these data.

    Raises
    ------
    UsageError
        For a protocol or a training set that does not exist.
    DataError
        Where the labels do not allow the protocol: which column is empty, and what was found.
    """
    options = options or Options()
    if name not in NAMES:
        raise UsageError(f"no protocol '{name}'{did_you_mean(name, NAMES)}: {', '.join(NAMES)}")
    _require_splits(manifest)
    maker = _Maker(manifest, options)
    found = {
        "within": maker.within,
        "cross-forgery": lambda: maker.crossed("forgery"),
        "cross-generator": maker.cross_generator,
        "cross-dataset": lambda: maker.crossed("group"),
        "robustness": maker.robustness,
    }[name]()
    kind = next(known for known in NAMES if known == name)
    chosen, notes = _chosen(_apart(found), options, maker.notes)
    return Protocol(name=kind, options=options, experiments=tuple(chosen), notes=tuple(notes))


class _Maker:
    """Makes experiments and gathers what was left out."""

    def __init__(self, manifest: Manifest, options: Options) -> None:
        self.manifest, self.options = manifest, options
        self.notes: list[str] = []

    def within(self) -> list[Experiment]:
        """Train on everything; test on everything and, where there are groups, on each."""
        groups = self.values("group", self.fakes())
        columns = [self.column(self.whole, ())]
        if len(groups) > 1:
            columns += [self.column(_shown(group), (_is("group", group),)) for group in groups]
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
        names = self.values(level, [row for row in self.fakes() if _all_hold(row, inside)])
        if len(names) < 2:
            raise DataError(_too_few(self.manifest, level, names, inside))
        conditions = {name: (*inside, _is(level, name)) for name in names}
        columns = {name: self.column(_shown(name), conditions[name]) for name in names}
        return [
            self.experiment(
                _shown(name),
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
        keys = {tuple(level_of(row, level) for level in inside) for row in self.fakes()}
        found: list[Experiment] = []
        alone: list[str] = []
        for key in sorted(keys):
            conditions = tuple(map(_is, inside, key))
            block = " ".join(map(_shown, key))
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
        selection, note = pair(self.manifest, fakes, self.options.reals, ("train", "val"))
        self.notes += [
            f"not tested on {_full(block, column.name)}: no {column.counts.lacks} images in the "
            "split test"
            for column in columns
            if column.counts.lacks
        ]
        return Experiment(
            name=name,
            block=block,
            slug=_slug(fakes),
            train=selection,
            columns=tuple(column for column in columns if not column.counts.lacks),
            counts=count(self.manifest.of_split("train"), selection.takes),
            validation=count(self.manifest.of_split("val"), selection.takes),
            note=note,
        )

    def column(self, name: str, fakes: Sequence[Where]) -> Column:
        """Pair test fakes with reals, and count."""
        fakes = self.narrowed(fakes)
        selection, note = pair(self.manifest, fakes, self.options.reals, ("test",))
        counts = count(self.manifest.of_split("test"), selection.takes)
        return Column(name=name, selection=selection, counts=counts, note=note)

    @property
    def whole(self) -> str:
        """What tables call all fakes that take part."""
        return " ".join(where.value for where in self.options.among) or "all"

    def narrowed(self, fakes: Sequence[Where]) -> tuple[Where, ...]:
        """Conditions together with those that hold for all fakes of the protocol."""
        return tuple(dict.fromkeys([*self.options.among, *fakes]))

    def fakes(self) -> list[Row]:
        """Every fake that takes part."""
        fakes = [row for row in self.manifest.rows if row.is_fake]
        taking_part = [row for row in fakes if _all_hold(row, self.options.among)]
        if not taking_part:
            wanted = ", ".join(f"{where.column}={where.value}" for where in self.options.among)
            raise DataError(f"there are no fakes with {wanted}: {_kinds(fakes)}")
        return taking_part

    def values(self, level: Level, rows: Iterable[Row]) -> list[str]:
        """The distinct contents of a column, sorted; the empty one only of groups."""
        found = {level_of(row, level) for row in rows}
        return sorted(value for value in found if value or (level == "group" and len(found) > 1))


def _chosen(
    experiments: Sequence[Experiment], options: Options, notes: Sequence[str]
) -> tuple[list[Experiment], list[str]]:
    """The experiments that were asked for and can be trained, and notes of what is left out."""
    names = list(dict.fromkeys(one.name for one in experiments))
    for name in options.train:
        if name not in names:
            on_offer = ", ".join(names)
            raise UsageError(f"no training set '{name}'{did_you_mean(name, names)}: {on_offer}")
    wanted = [one for one in experiments if not options.train or one.name in options.train]
    reasons = {_full(one.block, one.name): _untrainable(one) for one in wanted}
    told = [*notes, *(f"not trained on {name}: {why}" for name, why in reasons.items() if why)]
    told = list(dict.fromkeys(told))
    usable = [one for one in wanted if not _untrainable(one) and one.columns]
    if not usable:
        raise DataError("\n".join(["nothing is left to train and test:", *told]))
    return usable, told


def _untrainable(experiment: Experiment) -> str:
    """Why an experiment cannot be trained; empty where it can."""
    splits = {"train": experiment.counts, "val": experiment.validation}
    absent = [f"no {found.lacks} images in the split {s}" for s, found in splits.items()]
    return "; ".join(
        text for text, found in zip(absent, splits.values(), strict=True) if found.lacks
    )


def _require_splits(manifest: Manifest) -> None:
    """Raise where a split is empty: nothing may be trained, chosen and tested on one another."""
    sizes: Counter[str] = Counter(row.split or "(none)" for row in manifest.rows)
    absent = [split for split in NAMED_SPLITS if not sizes[split]]
    if absent:
        raise DataError(
            f"the data have no images in the split {', '.join(absent)}; found: "
            f"{_tally(sizes)}. Name the splits in the column `split`, or leave it empty in all "
            "rows to have them drawn"
        )


def _too_few(
    manifest: Manifest, level: Level, names: Sequence[str], inside: Sequence[Where]
) -> str:
    """What a protocol needs of a column and what it found there."""
    scope = ", ".join(f"{where.column} {where.value or '(empty)'}" for where in inside)
    rows = [r for r in manifest.rows if r.is_fake and _all_hold(r, inside)]
    found = Counter(level_of(row, level) or "(empty)" for row in rows)
    return (
        f"two named values of `{level}` are needed to cross them, and the fakes of "
        f"{scope or 'these data'} have {len(names)}; the column holds: {_tally(found)}"
    )


def _kinds(fakes: Iterable[Row]) -> str:
    """What the columns of the fakes hold."""
    held = {level: sorted({level_of(row, level) for row in fakes} - {""}) for level in LEVELS}
    told = [f"{level} is {', '.join(names)}" for level, names in held.items() if names]
    return "; ".join(told) or "no fake has a label beside it"


def _tally(found: Counter[str]) -> str:
    return ", ".join(f"{name} ({n} images)" for name, n in sorted(found.items())) or "nothing"


def _is(column: Level, value: str) -> Where:
    return Where(column=column, value=value)


def _all_hold(row: Row, conditions: Iterable[Where]) -> bool:
    return all(level_of(row, where.column) == where.value for where in conditions)


def _shown(name: str) -> str:
    return name or "(unnamed)"


def slug_of(name: str) -> str:
    """A name in letters that every file system takes: ``Stable Diffusion 2.1`` with dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.") or "unnamed"


def _slug(fakes: Iterable[Where]) -> str:
    """``generator-efs-flux.1`` for a generator inside a forgery type; ``all`` for all fakes."""
    where = list(fakes)
    if not where:
        return "all"
    words = (where[-1].column, *(_shown(one.value) for one in where))
    return "-".join(map(slug_of, words))


def _apart(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The same with slugs that no two share: names may differ only in what a slug cannot hold."""
    seen: Counter[str] = Counter()
    found = []
    for one in experiments:
        seen[one.slug] += 1
        again = f"-{seen[one.slug]}" if seen[one.slug] > 1 else ""
        found.append(one.model_copy(update={"slug": one.slug + again}))
    return found


def _full(block: str, name: str) -> str:
    return f"{block} {name}".strip()
