"""The tables of a protocol, in the paper's layout, from the scores of its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mfclip.bench.figures import Scored, group_auc, measure
from mfclip.bench.protocols import PAPER, TITLES, Column, Experiment, Options, Protocol, slug_of
from mfclip.bench.selections import Frozen
from mfclip.bench.table import Cell, Row, Table, average, mean_table
from mfclip.bench.table import Column as Head
from mfclip.metrics.cautions import FEW_IMAGES
from mfclip.recipe.settings import EvaluationSettings

Read = Callable[[Experiment, str, int], Scored]
"""Gives the scores of a cell: an experiment, a detector's name, a seed."""


class Study(Frozen):
    """What the tables are of. With the scores, all that is needed to make them again."""

    title: str = ""
    """Of the ablation whose variants the detectors are; empty for others."""
    protocol: Protocol
    """What was trained and tested."""
    detectors: tuple[str, ...]
    """Names, in the order of the rows."""
    seeds: tuple[int, ...]
    """Of the trainings."""
    evaluation: EvaluationSettings
    """How intervals are computed."""
    grouped: bool
    """Whether the data name groups."""
    synthetic: bool
    """Whether the images were drawn by a program."""

    @property
    def slug(self) -> str:
        """As a folder's name: different tables of one grid have different ones."""
        inside = self.protocol.options.inside
        crossed = self.protocol.name == "cross-generator" and inside != Options().inside
        words = ["inside", *(inside or ["all"])] if crossed else []
        if self.protocol.options.among:
            words += ["among", *(where.value for where in self.protocol.options.among)]
        return slug_of(" ".join([self.protocol.name, *words, self.title]))

    @property
    def heading(self) -> str:
        """In words."""
        name = TITLES[self.protocol.name]
        if self.protocol.options.among:
            name += f" ({' '.join(where.value for where in self.protocol.options.among)})"
        return f"{self.title}: {name[0].lower()}{name[1:]}" if self.title else name


def make_tables(study: Study, read: Read) -> list[Table]:
    """Every table of a study whose cells are all scored.

    One for each block of experiments and, where it has several training sets, one with the means
    over them: Fig. 6 of a cross-generator table, the curves of Fig. 7 of robustness.
    """
    tables = []
    for block in dict.fromkeys(one.block for one in study.protocol.experiments):
        experiments = [one for one in study.protocol.experiments if one.block == block]
        maker = _Maker(study, block, experiments)
        table = maker.table(read)
        tables.append(table)
        if len({row.training for row in table.rows}) > 1:
            tables.append(maker.means(table))
    return tables


@dataclass(frozen=True)
class _Maker:
    """Makes the table of one block."""

    study: Study
    block: str
    experiments: Sequence[Experiment]

    def table(self, read: Read) -> Table:
        """Measure every cell, then lay out."""
        figures: dict[tuple[str, str, str], Cell] = {}
        nuisances: dict[str, float] = {}
        for experiment in self.experiments:
            for detector in self.study.detectors:
                scored = [read(experiment, detector, seed) for seed in self.study.seeds]
                for column, cell in self._measured(experiment, scored):
                    figures[column.row or experiment.name, detector, column.name] = cell
                for column in experiment.columns:
                    table = scored[0].tables[column.condition]
                    nuisances[column.name] = group_auc(table, column.selection)
        return self._laid_out(figures, nuisances)

    def means(self, table: Table) -> Table:
        """The means over the rows of the block's table."""
        over, paper = ("corruptions", "Fig. 7") if self._robust else ("training sets", "Fig. 6")
        caption = [
            self._seeds(),
            "Each figure is the plain mean of the figures of the table above in its column"
            + (". " if self._robust else ", but for those of detectors trained on that test set. ")
            + "The spread is that of the mean.",
        ]
        title = f"{self._title}: mean over {over} (as {paper})"
        head = table.average if self._robust else table.average and "mean"
        return mean_table(table, f"{table.slug}-mean", title, over, head, caption)

    def _measured(
        self, experiment: Experiment, scored: Sequence[Scored]
    ) -> Iterator[tuple[Column, Cell]]:
        """The figures of each column. What several columns share is measured once."""
        known: dict[tuple[object, ...], Cell] = {}
        for column in experiment.columns:
            key = (column.condition, column.selection, column.within)
            if key not in known:
                pairs = [(one.tables[column.condition], one.operating) for one in scored]
                known[key] = measure(
                    pairs, column.selection, self.study.evaluation, within=column.within
                )
            yield column, known[key]

    @property
    def _title(self) -> str:
        return self.study.heading + (f", {self.block}" if self.block else "")

    def _laid_out(
        self, figures: dict[tuple[str, str, str], Cell], nuisances: dict[str, float]
    ) -> Table:
        columns = self._columns()
        trainings = dict.fromkeys(training for training, _, _ in figures)
        rows = []
        for training in trainings:
            for detector in self.study.detectors:
                found = tuple(figures.get((training, detector, one.name)) for one in columns)
                mean = average(found) if len(found) > 1 else None
                rows.append(Row(training=training, detector=detector, cells=found, average=mean))
        name = self.study.protocol.name
        return Table(
            slug=slug_of(f"{name} {self.block}"),
            title=self._title + (f" (as {PAPER[name]})" if PAPER[name] else ""),
            corner="Corruption" if self._robust else "Training set",
            columns=tuple(
                Head(
                    name=f"level {one.name}" if self._robust else one.name,
                    reals=one.counts.reals,
                    fakes=one.counts.fakes,
                )
                for one in columns
            ),
            average=self._average(rows) if len(columns) > 1 else "",
            rows=tuple(rows),
            caption=tuple(self._caption(columns, rows, nuisances)),
        )

    @property
    def _robust(self) -> bool:
        return self.study.protocol.name == "robustness"

    def _columns(self) -> list[Column]:
        """The distinct columns of the block, in their order."""
        found: dict[str, Column] = {}
        for experiment in self.experiments:
            for column in experiment.columns:
                found.setdefault(column.name, column)
        return list(found.values())

    def _average(self, rows: Sequence[Row]) -> str:
        """Head of the column of means."""
        if self._robust:
            levels = self.study.protocol.options.levels
            return f"mean of levels {', '.join(map(str, levels))}"
        mixed = any({c.within for c in row.cells if c is not None} == {True, False} for row in rows)
        return "mean of others" if mixed else "mean"

    def _caption(
        self, columns: Sequence[Column], rows: Sequence[Row], nuisances: dict[str, float]
    ) -> Iterator[str]:
        yield self._seeds()
        yield (
            "ACC at the threshold fitted on the validation images of the training set, which "
            "chose the epoch too; no test image chose anything. Chance is the share of the "
            "larger class."
        )
        yield self._intervals()
        yield self._reals()
        if self._robust:
            yield self._corruption()
        yield "Training images (real / fake; for validation): " + "; ".join(
            f"{one.name} {one.counts.reals} / {one.counts.fakes} "
            f"({one.validation.reals} / {one.validation.fakes})"
            for one in self.experiments
        )
        if self._average(rows) != "mean":
            what = "uncorrupted images" if self._robust else "the kind of fakes trained on"
            yield f"† marks tests on {what}; means leave them out."
        yield from self._cautions(columns, nuisances)

    def _cautions(self, columns: Sequence[Column], nuisances: dict[str, float]) -> Iterator[str]:
        if self.study.synthetic:
            yield "The images are drawn by a program: nothing here is about real faces."
        pooled = {name: found for name, found in nuisances.items() if found > 0.505}
        if self._robust and pooled:  # the same images in every column
            pooled = {"Every column": max(pooled.values())}
        for name, found in pooled.items():
            yield (
                f"{name} pools groups with different shares of fakes: telling the groups "
                f"apart, and nothing else, would reach an AUC of {100 * found:.1f} there."
            )
        few = [one.name for one in columns if min(one.counts.reals, one.counts.fakes) < FEW_IMAGES]
        if few:
            which = "every column" if self._robust else ", ".join(few)
            yield f"Fewer than {FEW_IMAGES} images of a class: {which}."
        notes = [
            *((e.name, e.note) for e in self.experiments),
            *((c.name, c.note) for c in columns),
        ]
        yield from (f"{name}: {note}." for name, note in sorted(set(notes)) if note)
        yield from (note + "." for note in self.study.protocol.notes)

    def _seeds(self) -> str:
        seeds = self.study.seeds
        named = ", ".join(map(str, seeds))
        if len(seeds) == 1:
            return f"ACC and AUC in percent. One training a row (seed {named}), so no spread."
        return (
            "ACC and AUC in percent: mean ± standard deviation over "
            f"{len(seeds)} trainings (seeds {named})."
        )

    def _intervals(self) -> str:
        settings = self.study.evaluation
        return (
            f"Brackets, and the CSV file: {100 * settings.confidence:g} % interval of the mean "
            f"over other test images, from {settings.bootstrap} resamples of identities (videos "
            "or images where no identity is known); the spread says what other seeds do."
        )

    def _reals(self) -> str:
        if self.study.protocol.options.reals == "all":
            return "Reals: all of the split, in training and in each test."
        if not self.study.grouped:
            return "Reals: all of the split, in training and in each test; the data name no groups."
        return (
            "Reals: those of the groups that the fakes are from, in training and in each test, so "
            "that real and fake went through one pipeline."
        )

    def _corruption(self) -> str:
        size = self.study.protocol.options.size
        place = "the images' own size" if size is None else f"{size} pixels, shorter side"
        return (
            f"Corrupted at {place}, before the resize to the detector's input; level 0 is not "
            "corrupted."
        )
