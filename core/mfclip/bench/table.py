"""What a table of results is: figures by training set, detector and test set. No drawing here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Literal, get_args

from mfclip.bench.selections import Counts, Frozen

MEAN = "Mean over"
"""Head of the first column of a table of means; each such table follows the one it is of."""
Measure = Literal["accuracy", "auc", "false_alarms", "found", "tpr_at_fpr_1"]
"""A figure of a cell."""
MEASURES: tuple[Measure, ...] = get_args(Measure)
HEADS: dict[Measure, str] = {
    "accuracy": "ACC",
    "auc": "AUC",
    "false_alarms": "reals flagged",
    "found": "fakes found",
    "tpr_at_fpr_1": "TPR at 1 % FPR",
}
"""What tables call the measures."""


class Entry(Frozen):
    """One measure over the seeds, 0-1."""

    values: tuple[float, ...]
    """One a seed, in the order of the seeds."""
    low: float | None = None
    """Lower end of the interval of the mean; None where none was computed."""
    high: float | None = None
    """Its upper end."""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds (n - 1); None for one seed."""
        return stdev(self.values) if len(self.values) > 1 else None


class Cell(Frozen):
    """What a detector does on a test set; a measure is None where an earlier version wrote the
    record."""

    accuracy: Entry
    """At the threshold that was fitted on validation."""
    auc: Entry
    """Area under the ROC curve."""
    false_alarms: Entry | None = None
    """Share of the reals that the threshold of the accuracy calls fake."""
    found: Entry | None = None
    """Share of the fakes that it calls fake."""
    tpr_at_fpr_1: Entry | None = None
    """Share of the fakes that are found where at most 1 % of these reals are flagged: at a
    threshold chosen on the test images themselves, as the AUC has all of them."""
    within: bool = False
    """Whether the detector was trained on this kind of fakes."""
    counts: Counts | None = None
    """Its test images, where each row has test images of its own."""

    def entry(self, measure: Measure) -> Entry | None:
        """A figure by its name."""
        found: Entry | None = getattr(self, measure)
        return found


class Column(Frozen):
    """One test set."""

    name: str
    """Head of the column."""
    reals: int
    """Real test images; 0 where each row has test images of its own, and cells count them."""
    fakes: int
    """Fake test images; 0 in the same case."""


class Row(Frozen):
    """One training set and one detector."""

    training: str
    """Training set, or what else the rows of this table are grouped by."""
    detector: str
    """Its name."""
    cells: tuple[Cell | None, ...]
    """One a column; None where there is nothing."""
    average: Cell | None = None
    """Over the columns that are not ``within``, or over all where all are."""
    failed: bool = False
    """Whether there are no figures because a training of it failed."""


class Table(Frozen):
    """One table, ready to be written in any form."""

    slug: str
    """As part of a file's name."""
    title: str
    """One line."""
    corner: str
    """What the first column holds."""
    columns: tuple[Column, ...]
    """In their order."""
    average: str
    """Head of the last column; empty where there is none."""
    rows: tuple[Row, ...]
    """Rows of one training set stand together."""
    caption: tuple[str, ...]
    """Sentences that say what the figures are and what to beware of."""
    measures: tuple[Measure, ...] = ("accuracy", "auc")
    """Those that are shown; cells may hold more."""


def average(cells: Iterable[Cell | None]) -> Cell | None:
    """The mean of the cells that are not ``within``, or of all where all are; seed by seed."""
    there = [cell for cell in cells if cell is not None]
    chosen = [cell for cell in there if not cell.within] or there
    if not chosen:
        return None
    return Cell(
        accuracy=_mean([cell.accuracy for cell in chosen]),
        auc=_mean([cell.auc for cell in chosen]),
        false_alarms=_mean_of_some(cell.false_alarms for cell in chosen),
        found=_mean_of_some(cell.found for cell in chosen),
        tpr_at_fpr_1=_mean_of_some(cell.tpr_at_fpr_1 for cell in chosen),
        within=all(cell.within for cell in chosen),
    )


def mean_rows(rows: Sequence[Row], training: str) -> list[Row]:
    """The mean of each detector over its rows, by column; ``training`` is what they are called."""
    detectors = dict.fromkeys(row.detector for row in rows)
    found = []
    for name in detectors:
        columns = zip(*(row.cells for row in rows if row.detector == name), strict=True)
        cells = tuple(average(column) for column in columns)
        found.append(Row(training=training, detector=name, cells=cells))
    return found


def mean_table(
    table: Table, slug: str, title: str, over: str, head: str, caption: Sequence[str]
) -> Table:
    """The mean over the training sets of each detector, by column: Fig. 6 of Table III.

    Cells that are ``within`` do not count where there are others. A last row averages all
    detectors.

    Parameters
    ----------
    over
        What is averaged over, in words.
    head
        Of the last column; empty for none.
    """
    rows = mean_rows(table.rows, over)
    if len(rows) > 1:
        every = [row.model_copy(update={"detector": "all detectors"}) for row in table.rows]
        rows += mean_rows(every, over)
    if head:
        rows = [row.model_copy(update={"average": average(row.cells)}) for row in rows]
    return Table(
        slug=slug,
        title=title,
        corner=MEAN,
        columns=table.columns,
        average=head,
        rows=tuple(rows),
        caption=tuple(caption),
    )


def _mean(entries: Sequence[Entry]) -> Entry:
    """Seed by seed, so that the spread is that of the mean; without an interval."""
    by_seed = zip(*(entry.values for entry in entries), strict=True)
    return Entry(values=tuple(fmean(values) for values in by_seed))


def _mean_of_some(entries: Iterable[Entry | None]) -> Entry | None:
    """None where one of them was not measured."""
    there = list(entries)
    known = [entry for entry in there if entry is not None]
    return _mean(known) if len(known) == len(there) else None
