"""The tables of a protocol, in the paper's layout, from the scores of its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mfclip.bench.captions import Caption, seeds_sentence
from mfclip.bench.experiments import PAPER, Column, Experiment
from mfclip.bench.figures import Scored, group_auc, measure
from mfclip.bench.naming import slug_of
from mfclip.bench.selections import KINDS
from mfclip.bench.study import Study as Study
from mfclip.bench.table import MEASURES, Cell, Measure, Row, Table, average, mean_rows, mean_table
from mfclip.bench.table import Column as Head

Read = Callable[[Experiment, str, int], Scored | None]
"""Gives the scores of a cell: an experiment, a detector's name, a seed. None where it failed."""
LAST = "mean over what was left out"
"""Rows of a leave-one-out table that average those above."""


def make_tables(study: Study, read: Read) -> list[Table]:
    """Every table of a study whose cells are all scored, but for those that failed.

    One for each block of experiments and, where it has several training sets, one with the means
    over them: Fig. 6 of a cross-generator table, the curves of Fig. 7 of robustness. Leave-one-out
    has its means in the last rows of its one table.
    """
    tables = []
    for block in dict.fromkeys(one.block for one in study.protocol.experiments):
        experiments = [one for one in study.protocol.experiments if one.block == block]
        maker = _Maker(study, block, experiments)
        table = maker.table(read)
        tables.append(table)
        if not study.leaves and len({row.training for row in table.rows}) > 1:
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
                read_of = (read(experiment, detector, seed) for seed in self.study.seeds)
                scored = [one for one in read_of if one is not None]
                if len(scored) < len(self.study.seeds):
                    continue  # figures have a value for each seed
                for column, cell in self._measured(experiment, scored):
                    figures[column.row or experiment.name, detector, column.name] = cell
                for column in experiment.columns:
                    table = scored[0].tables[column.condition]
                    nuisances[self._called(column)] = group_auc(table, column.selection)
        return self._laid_out(figures, nuisances)

    def means(self, table: Table) -> Table:
        """The means over the rows of the block's table."""
        robust = self.study.robust
        over, paper = ("corruptions", "Fig. 7") if robust else ("training sets", "Fig. 6")
        caption = [
            seeds_sentence(self.study),
            "Each figure is the plain mean of the figures of the table above in its column"
            + (". " if robust else ", but for those of detectors trained on that test set. ")
            + "The spread is that of the mean.",
        ]
        title = f"{self._title}: mean over {over} (as {paper})"
        head = table.average if robust else table.average and "mean"
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
            counts = column.counts if self.study.leaves else None
            yield column, known[key].model_copy(update={"counts": counts})

    @property
    def _title(self) -> str:
        return self.study.heading + (f", {self.block}" if self.block else "")

    def _laid_out(
        self, figures: dict[tuple[str, str, str], Cell], nuisances: dict[str, float]
    ) -> Table:
        columns = self._columns()
        rows = list(self._rows(figures, [one.name for one in columns]))
        name = self.study.protocol.name
        average = self._average(rows) if len(columns) > 1 else ""
        tests = {self._called(c): c for e in self.experiments for c in e.columns}
        caption = Caption(self.study, self.experiments, tests, nuisances)
        return Table(
            slug=slug_of(f"{name} {self.block}"),
            title=self._title + (f" (as {PAPER[name]})" if PAPER[name] else ""),
            corner=self._corner,
            columns=tuple(map(self._head, columns)),
            average=average,
            rows=tuple(rows),
            caption=tuple(caption.sentences(self._marked(rows))),
            measures=self._measures,
        )

    def _rows(
        self, figures: dict[tuple[str, str, str], Cell], columns: Sequence[str]
    ) -> Iterator[Row]:
        rows = []
        trainings = (c.row or one.name for one in self.experiments for c in one.columns)
        for training in dict.fromkeys(trainings):
            for detector in self.study.detectors:
                found = tuple(figures.get((training, detector, one)) for one in columns)
                apart = self.study.leaves or len(found) == 1
                mean, failed = None if apart else average(found), not any(found)
                named = {"training": training, "detector": detector}
                rows.append(Row(**named, cells=found, average=mean, failed=failed))
        yield from rows
        if self.study.leaves and len({row.training for row in rows}) > 1:
            yield from mean_rows(rows, LAST)

    @property
    def _corner(self) -> str:
        if self.study.leaves:
            return f"Left-out {KINDS[self.study.protocol.options.leave]}"
        return "Corruption" if self.study.robust else "Training set"

    def _head(self, column: Column) -> Head:
        name = f"level {column.name}" if self.study.robust else column.name
        if self.study.leaves:  # each row has test images of its own
            return Head(name=name, reals=0, fakes=0)
        return Head(name=name, reals=column.counts.reals, fakes=column.counts.fakes)

    @property
    def _measures(self) -> tuple[Measure, ...]:
        return MEASURES if self.study.leaves else ("accuracy", "auc")

    def _called(self, column: Column) -> str:
        """A test set in a caption."""
        return f"{column.row} ({column.name})" if self.study.leaves else column.name

    def _columns(self) -> list[Column]:
        """The distinct columns of the block, in their order."""
        found: dict[str, Column] = {}
        for experiment in self.experiments:
            for column in experiment.columns:
                found.setdefault(column.name, column)
        return list(found.values())

    def _average(self, rows: Sequence[Row]) -> str:
        """Head of the column of means; empty where there is none."""
        if self.study.leaves:
            return ""
        if self.study.robust:
            levels = self.study.protocol.options.levels
            return f"mean of levels {', '.join(map(str, levels))}"
        return "mean of others" if _mixed(rows) else "mean"

    def _marked(self, rows: Sequence[Row]) -> str:
        """What the dagger stands for; empty where there is none or nothing else."""
        if self.study.leaves:
            return "kinds of fakes trained on" if _mixed(rows) else ""
        if self.study.robust:
            return "uncorrupted images; means leave them out"
        return "the kind of fakes trained on; means leave them out" if _mixed(rows) else ""


def _mixed(rows: Sequence[Row]) -> bool:
    """Whether a row has tests on what was trained on and on something else."""
    return any({c.within for c in row.cells if c is not None} == {True, False} for row in rows)
