from __future__ import annotations

import csv
import io

import pytest

from mfclip.bench.selections import Counts
from mfclip.bench.table import MEASURES, Cell, Column, Entry, Row, Table
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


@pytest.fixture
def left() -> Table:
    """All measures, and test images of its own in each row."""
    out = Cell(
        accuracy=entry(0.5), auc=entry(0.6), false_alarms=entry(0.1), found=entry(0.2),
        tpr_at_fpr_1=entry(0.3), counts=Counts(reals=7, fakes=8),
    )  # fmt: skip
    mean = Cell(accuracy=entry(0.5), auc=entry(0.6))
    return Table(
        slug="left", title="Left", corner="Left-out generator", average="", caption=(),
        columns=(Column(name="left out", reals=0, fakes=0),), measures=MEASURES,
        rows=(
            Row(training="A", detector="one", cells=(out,)),
            Row(training="mean", detector="one", cells=(mean,)),
        ),
    )  # fmt: skip


def test_the_measures_of_a_table_are_its_columns(left):
    assert to_markdown(left) == (
        "**Left**\n"
        "\n"
        "| Left-out generator | Detector | left out ACC | left out AUC | left out reals flagged "
        "| left out fakes found | left out TPR at 1 % FPR |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| A | one | 50.0 | 60.0 | 10.0 | 20.0 | 30.0 |\n"
        "| mean | one | 50.0 | 60.0 | – | – | – |\n"
        "\n"
    )
    tex = to_latex(left)
    assert r"\begin{tabular}{llrrrrr}" in tex
    assert r"\multicolumn{5}{c}{left out} \\" in tex
    assert r" & ACC & AUC & reals flagged & fakes found & TPR at 1 \% FPR \\" in tex
    assert r"mean & one & 50.0 & 60.0 & -- & -- & -- \\" in tex


def test_csv_has_every_measure_that_was_taken_with_the_images_of_its_row(left):
    lines = list(csv.DictReader(io.StringIO(to_csv(left))))
    found = {line["measure"]: line for line in lines if line["training"] == "A"}
    assert tuple(found) == MEASURES
    assert {(line["reals"], line["fakes"]) for line in found.values()} == {("7", "8")}
    assert float(found["false_alarms"]["mean"]) == 0.1
    means = [line for line in lines if line["training"] == "mean"]
    assert [line["measure"] for line in means] == ["accuracy", "auc"]
    assert {line["reals"] for line in means} == {""}
    assert to_csv(left.model_copy(update={"measures": ("auc",)})) == to_csv(left)
