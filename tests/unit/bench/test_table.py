from __future__ import annotations

import statistics

import pytest

from mfclip.bench.table import Cell, Column, Entry, Row, Table, average, mean_rows, mean_table


def cell(*auc: float, within: bool = False) -> Cell:
    return Cell(accuracy=Entry(values=(0.5,) * len(auc)), auc=Entry(values=auc), within=within)


def test_spread_is_the_sample_standard_deviation():
    values = (0.6, 0.7, 0.9)
    assert Entry(values=values).mean == pytest.approx(statistics.fmean(values))
    assert Entry(values=values).spread == pytest.approx(statistics.stdev(values))
    assert Entry(values=(0.6,)).spread is None


def test_the_average_leaves_out_what_was_trained_on():
    found = average([cell(1.0, 1.0, within=True), cell(0.6, 0.8), cell(0.8, 0.6), None])
    assert found == cell(0.7, 0.7)
    assert found.auc.spread == 0


def test_the_average_of_within_cells_alone_is_theirs():
    assert average([cell(0.6, within=True), cell(0.8, within=True)]) == cell(0.7, within=True)
    assert average([None]) is None


def test_the_average_has_the_measures_that_every_cell_has():
    rates = {"false_alarms": Entry(values=(0.2,)), "found": Entry(values=(0.4,))}
    one = cell(0.6).model_copy(update=rates)
    two = cell(0.6).model_copy(update={"false_alarms": Entry(values=(0.6,))})
    found = average([one, two])
    assert found.false_alarms.values == (pytest.approx(0.4),)
    assert found.found is None
    assert found.tpr_at_fpr_1 is None


def test_mean_rows_are_by_detector_and_column():
    rows = [
        Row(training=t, detector=d, cells=(cell(out), cell(rest, within=True) if rest else None))
        for t, d, out, rest in [
            *(("A", "x", 0.6, 0.9), ("A", "y", 0.4, 0.8)),
            *(("B", "x", 0.8, None), ("B", "y", 0.6, 1.0)),
        ]
    ]
    first, second = mean_rows(rows, "mean")
    assert (first.training, first.detector, second.detector) == ("mean", "x", "y")
    assert [c.auc.mean for c in first.cells] == [pytest.approx(0.7), 0.9]
    assert [c.auc.mean for c in second.cells] == [0.5, 0.9]
    assert [c.within for c in second.cells] == [False, True]


def test_mean_table_averages_each_column_over_the_other_training_sets():
    rows = [
        Row(training=t, detector=d, cells=cells)
        for t, d, cells in [
            ("A", "x", (cell(1.0, within=True), cell(0.6))),
            ("A", "y", (cell(0.9, within=True), cell(0.4))),
            ("B", "x", (cell(0.7), cell(1.0, within=True))),
            ("B", "y", (cell(0.5), cell(0.8, within=True))),
        ]
    ]
    columns = tuple(Column(name=name, reals=1, fakes=1) for name in "AB")
    table = Table(
        slug="t", title="T", corner="Training set", columns=columns, average="", rows=tuple(rows),
        caption=(),
    )  # fmt: skip
    found = mean_table(table, "m", "M", "training sets", "mean", ["said"])
    assert [row.detector for row in found.rows] == ["x", "y", "all detectors"]
    figures = [[c.auc.mean for c in row.cells] for row in found.rows]
    assert figures == [[0.7, 0.6], [0.5, 0.4], [pytest.approx(0.6), pytest.approx(0.5)]]
    assert found.rows[0].average.auc.mean == pytest.approx(0.65)
    assert (found.slug, found.average, found.caption) == ("m", "mean", ("said",))
