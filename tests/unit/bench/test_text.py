from __future__ import annotations

import csv
import io

import pytest

from mfclip.bench.table import Cell, Column, Entry, Row, Table
from mfclip.bench.text import CSV_COLUMNS, shown, to_csv, to_latex, to_markdown


def entry(*values: float) -> Entry:
    return Entry(values=values, low=0.25, high=0.75)


@pytest.fixture
def table() -> Table:
    near = Cell(accuracy=entry(0.9, 0.92), auc=entry(1.0, 1.0), within=True)
    far = Cell(accuracy=entry(0.5, 0.52), auc=entry(0.6, 0.7))
    return Table(
        slug="cross",
        title="Crossed",
        corner="Training set",
        columns=(Column(name="A|x", reals=3, fakes=4), Column(name="B_1", reals=5, fakes=6)),
        average="mean of others",
        rows=(
            Row(training="A|x", detector="one", cells=(near, far), average=far),
            Row(training="A|x", detector="two", cells=(far, None), average=far),
        ),
        caption=("Said 100 % so.",),
    )


def test_entries_are_percent_with_their_spread():
    assert shown(Entry(values=(0.5,))) == "50.0"
    assert shown(Entry(values=(0.6, 0.7))) == "65.0 ± 7.1"


def test_markdown(table):
    assert to_markdown(table) == (
        "**Crossed**\n"
        "\n"
        "| Training set | Detector | A\\|x ACC | A\\|x AUC | B_1 ACC | B_1 AUC "
        "| mean of others ACC | mean of others AUC |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| *test images, real / fake* |  | 3 / 4 |  | 5 / 6 |  |  |  |\n"
        "| A\\|x | one | 91.0 ± 1.4† | 100.0 ± 0.0† | 51.0 ± 1.4 | 65.0 ± 7.1 "
        "| 51.0 ± 1.4 | 65.0 ± 7.1 |\n"
        "|  | two | 51.0 ± 1.4 | 65.0 ± 7.1 | – | – | 51.0 ± 1.4 | 65.0 ± 7.1 |\n"
        "\n"
        "- Said 100 % so.\n"
    )


def test_latex_needs_no_package_and_escapes(table):
    text = to_latex(table)
    assert r"A|x & one & 91.0 $\pm$ 1.4$^\dagger$ & 100.0 $\pm$ 0.0$^\dagger$ & 51.0" in text
    assert r" & two & 51.0 $\pm$ 1.4 & 65.0 $\pm$ 7.1 & -- & -- &" in text
    assert r"\multicolumn{2}{c}{B\_1 (5 / 6)}" in text
    assert r"\caption{Crossed. Said 100 \% so.}" in text
    assert r"\begin{tabular}{llrrrrrr}" in text
    assert "rule" not in text
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 4
    assert {line.count("&") + line.count("multicolumn") for line in lines} == {7}


def test_csv_holds_every_figure_in_full(table):
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert len(lines) == 2 * (3 + 2)
    (found,) = [
        line
        for line in lines
        if (line["detector"], line["test"], line["measure"]) == ("one", "B_1", "auc")
    ]
    assert float(found["mean"]) == pytest.approx(0.65)
    assert [float(value) for value in found["values"].split()] == [0.6, 0.7]
    assert (found["low"], found["high"], found["seeds"]) == ("0.25", "0.75", "2")
    assert (found["reals"], found["fakes"], found["within"]) == ("5", "6", "no")
    assert lines[0]["within"] == "yes"
