"""What a table of results is: figures by training set, detector and test set. No drawing here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from mfclip.bench.selections import Frozen

MEAN = "Mean over"
"""Head of the first column of a table of means; each such table follows the one it is of."""


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
    """Accuracy and AUC of a detector on a test set."""

    accuracy: Entry
    """At the threshold that was fitted on validation."""
    auc: Entry
    """Area under the ROC curve."""
    within: bool = False
    """Whether the detector was trained on this kind of fakes."""


class Column(Frozen):
    """One test set."""

    name: str
    """Head of the column."""
    reals: int
    """Real test images."""
    fakes: int
    """Fake test images."""


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


def average(cells: Iterable[Cell | None]) -> Cell | None:
    """The mean of the cells that are not ``within``, or of all where all are; seed by seed."""
    there = [cell for cell in cells if cell is not None]
    chosen = [cell for cell in there if not cell.within] or there
    if not chosen:
        return None
    return Cell(
        accuracy=_mean([cell.accuracy for cell in chosen]),
        auc=_mean([cell.auc for cell in chosen]),
        within=all(cell.within for cell in chosen),
    )


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
    detectors = list(dict.fromkeys(row.detector for row in table.rows))
    by_name = {name: [row for row in table.rows if row.detector == name] for name in detectors}
    if len(detectors) > 1:
        by_name["all detectors"] = list(table.rows)
    rows = []
    for name, found in by_name.items():
        cells = tuple(average(column) for column in zip(*(r.cells for r in found), strict=True))
        mean = average(cells) if head else None
        rows.append(Row(training=over, detector=name, cells=cells, average=mean))
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
