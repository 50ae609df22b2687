"""Which entries of two tables a check compares."""

from __future__ import annotations

import pytest

from mfclip.bench.table import MEASURES, Cell, Column, Entry, Row, Table
from mfclip.bench.verify import _entries


def entry(value: float) -> Entry:
    return Entry(values=(value,), low=value, high=value)


def table(measures=("accuracy", "auc"), **rates: float) -> Table:
    cell = Cell(
        accuracy=entry(0.5), auc=entry(0.6), **{name: entry(value) for name, value in rates.items()}
    )
    return Table(
        slug="t", title="T", corner="Left-out generator", average="", caption=(),
        columns=(Column(name="left out", reals=0, fakes=0),), measures=measures,
        rows=(Row(training="A", detector="one", cells=(cell,)),),
    )  # fmt: skip


RATES = {"false_alarms": 0.1, "found": 0.2, "tpr_at_fpr_1": 0.3}


@pytest.mark.parametrize("measure", RATES)
def test_every_measure_is_compared(measure):
    old, new = table(MEASURES, **RATES), table(MEASURES, **{**RATES, measure: 0.9})
    differing = [(place, then, now) for place, then, now in _entries(old, new) if then != now]
    found = pytest.approx((100 * RATES[measure], 90.0))
    assert [place for place, _, _ in differing] == [f"A, one, left out, {measure}"] * 3
    assert all((then, now) == found for _, then, now in differing)
    assert len(list(_entries(old, new))) == 3 * len(MEASURES)


def test_measures_that_an_earlier_record_does_not_have_are_passed_over():
    places = {place for place, _, _ in _entries(table(), table(**RATES))}
    assert places == {"A, one, left out, accuracy", "A, one, left out, auc"}


def test_a_measure_that_the_table_shows_has_to_be_there():
    """Taking a figure out of a record is a difference too."""
    some = {"false_alarms": 0.1, "tpr_at_fpr_1": 0.3}
    worst = {place: abs(a - b) for place, a, b in _entries(table(MEASURES, **some), table(**RATES))}
    assert worst["A, one, left out, found: is there only once"] == float("inf")
