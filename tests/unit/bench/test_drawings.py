"""Figures from hand-made tables: what is drawn, where it lies, and what the captions say."""

from __future__ import annotations

import math
import re
import statistics
from xml.etree import ElementTree

import pytest

from mfclip.bench.drawings import BARS, make_pictures
from mfclip.bench.protocols import Experiment, Options, Protocol
from mfclip.bench.selections import Counts, Selection
from mfclip.bench.table import Cell, Column, Entry, Row, Table, mean_table
from mfclip.bench.tables import Study
from mfclip.evaluation.report.figures import generators, robustness
from mfclip.pages.svg import as_file
from mfclip.recipe.settings import EvaluationSettings


def cell(*auc: float, within: bool = False, bounds: tuple[float, float] | None = None) -> Cell:
    low, high = bounds or (None, None)
    return Cell(
        accuracy=Entry(values=(0.5,) * len(auc)),
        auc=Entry(values=auc, low=low, high=high),
        within=within,
    )


def study(name: str, detectors, seeds=(0, 1), trainings=("all",)) -> Study:
    experiments = tuple(
        Experiment(name=one, block="", slug=one, train=Selection(), columns=()) for one in trainings
    )
    return Study(
        protocol=Protocol(name=name, options=Options(), experiments=experiments),
        detectors=tuple(detectors),
        seeds=tuple(seeds),
        evaluation=EvaluationSettings(bootstrap=100),
        grouped=False,
        synthetic=False,
    )


def table(slug: str, columns, rows) -> Table:
    return Table(
        slug=slug, title="T", corner="Training set", columns=tuple(columns), average="mean",
        rows=tuple(rows), caption=(),
    )  # fmt: skip


def with_mean(found: Table) -> list[Table]:
    return [found, mean_table(found, f"{found.slug}-mean", "M", "corruptions", "mean", [])]


def levels(*numbers: int) -> list[Column]:
    return [Column(name=f"level {n}", reals=30, fakes=90) for n in numbers]


def crossed(detectors=("x", "y"), names="ABC", trainings="AB", seeds=2) -> list[Table]:
    """AUC is 1 within; else 0.9 less 0.1 a detector and 0.05 a training set."""
    rows = []
    for t, training in enumerate(trainings):
        for d, detector in enumerate(detectors):
            cells = tuple(
                cell(*[1.0 if name == training else 0.9 - 0.1 * d - 0.05 * t] * seeds,
                     within=name == training)
                for name in names
            )  # fmt: skip
            rows.append(Row(training=training, detector=detector, cells=cells))
    columns = [Column(name=name, reals=30, fakes=40 + i) for i, name in enumerate(names)]
    found = table("cross", columns, rows)
    return with_mean(found) if len(trainings) > 1 else [found]


@pytest.fixture
def curves(monkeypatch) -> list[dict]:
    """What the curves are asked to draw, beside drawing it."""
    return spy(monkeypatch, robustness, "robustness_drawing")


@pytest.fixture
def bars(monkeypatch) -> list[dict]:
    return spy(monkeypatch, generators, "generators_drawing")


def spy(monkeypatch, module, name) -> list[dict]:
    seen: list[dict] = []
    drawing = getattr(module, name)

    def asked(data, **options):
        seen.append({"data": data, **options})
        return drawing(data, **options)

    monkeypatch.setattr(module, name, asked)
    return seen


def ends(interval):
    return pytest.approx((interval.value, interval.low, interval.high), nan_ok=True)


def test_curves_are_the_table_and_their_mean_is_the_last_panel(curves):
    rows = [
        Row(training="blur", detector="x", cells=(cell(0.9, 0.94, within=True), cell(0.7, 0.8))),
        Row(training="noise", detector="x", cells=(cell(0.9, 0.94, within=True), cell(0.6, 0.6))),
    ]
    tables = with_mean(table("robustness", levels(0, 1), rows))
    found = make_pictures(study("robustness", ["x"]), tables)
    assert {slug: [one.name for one in made] for slug, made in found.items()} == {
        "robustness": ["robustness"]
    }
    (asked,) = curves
    assert list(asked["data"]) == ["blur", "noise", "mean over corruptions"]
    spread = statistics.stdev([0.7, 0.8])
    untouched, corrupted = asked["data"]["blur"]["x"]
    assert ends(corrupted) == (0.75, 0.75 - spread, 0.75 + spread)
    assert ends(untouched) == (0.92, 0.92 - math.sqrt(2) * 0.02, 0.92 + math.sqrt(2) * 0.02)
    mean = statistics.stdev([0.65, 0.7])
    averaged = asked["data"]["mean over corruptions"]["x"][1]
    assert ends(averaged) == (0.675, 0.675 - mean, 0.675 + mean)
    caption = found["robustness"][0].drawing.caption
    assert "120 images of the test split (30 real, 90 fake)" in caption
    assert "± standard deviation over 2 seeds (0, 1), within 0 to 100" in caption
    assert "x loses most under noise: 32.0 points." in caption
    assert "Measured at levels 0 and 1" in caption


def marks(drawing) -> list[tuple[float, float]]:
    """Places of the markers of the longest line, in the picture's points."""
    groups = [
        g for g in ElementTree.fromstring(drawing.svg).iter("g") if "line2d" in g.get("id", "")
    ]
    longest = max(groups, key=lambda group: len(list(group.iter("use"))))
    return [(float(use.get("x")), float(use.get("y"))) for use in longest.iter("use")]


def test_levels_that_were_not_run_keep_their_room_on_the_axis(curves):
    cells = tuple(cell(0.9 - 0.1 * i) for i in range(4))
    rows = [Row(training="blur", detector="x", cells=cells)]
    # As --levels 5,1,3 orders them.
    found = make_pictures(study("robustness", ["x"], [0]), [table("r", levels(0, 5, 1, 3), rows)])
    values = [one and one.value for one in curves[0]["data"]["blur"]["x"]]
    assert values == [0.9, pytest.approx(0.7), None, pytest.approx(0.6), None, pytest.approx(0.8)]
    drawing = found["r"][0].drawing
    assert "Measured at levels 0, 1, 3 and 5; lines join them." in drawing.caption
    at = marks(drawing)
    assert len(at) == 4
    (zero, _), (one, _), (three, _), (five, _) = at
    assert (three - zero) / (one - zero) == pytest.approx(3, abs=1e-3)
    assert (five - zero) / (one - zero) == pytest.approx(5, abs=1e-3)
    heights = [-y for _, y in at]
    falls = [heights[0] - height for height in heights]
    assert [fall / falls[1] for fall in falls] == pytest.approx([0, 1, 1.5, 0.5], abs=1e-3)


def test_one_seed_has_the_interval_over_images_and_says_so(curves):
    rows = [
        Row(training=name, detector="x", cells=(cell(0.9, bounds=(0.8, 0.95)),) * 2)
        for name in ("blur", "noise")
    ]
    tables = with_mean(table("r", levels(0, 1), rows))
    (picture,) = make_pictures(study("robustness", ["x"], [7]), tables)["r"]
    assert ends(curves[0]["data"]["blur"]["x"][1]) == (0.9, 0.8, 0.95)
    assert ends(curves[0]["data"]["mean over corruptions"]["x"][1]) == (0.9, math.nan, math.nan)
    caption = picture.drawing.caption
    assert "Bands: 95% intervals over other test images, from 100 resamples" in caption
    assert "One training each (seed 7), so no spread over seeds" in caption
    assert "means over several tests have no interval" in caption
    assert "loses most" not in caption


def test_no_band_leaves_the_scale(curves):
    rows = [Row(training="blur", detector="x", cells=(cell(0.99, 1.0), cell(0.001, 0.2)))]
    make_pictures(study("robustness", ["x"]), [table("r", levels(0, 1), rows)])
    first, last = curves[0]["data"]["blur"]["x"]
    assert first.high == 1.0
    assert last.low == 0.0
    assert curves[0]["limits"] == (0.0, 1.0)


def test_bars_are_means_over_the_other_training_sets(bars):
    found = make_pictures(study("cross-generator", "xy", trainings="AB"), crossed())
    assert {slug: [one.name for one in made] for slug, made in found.items()} == {
        "cross-mean": ["cross-mean"]
    }
    (asked,) = bars
    values = {
        name: {one: round(interval.value, 6) for one, interval in group.items()}
        for name, group in asked["data"].items()
    }
    assert values == {
        "A": {"x": 0.85, "y": 0.75},
        "B": {"x": 0.9, "y": 0.8},
        "C": {"x": 0.875, "y": 0.775},
    }
    # "all detectors" is a row of the table and no bar.
    assert asked["counts"] == {"A": 40, "B": 41, "C": 42}
    caption = found["cross-mean"][0].drawing.caption
    assert caption.startswith(
        "AUC in percent by generator, on the test split, mean over the other training sets (1 to 2 "
    )
    assert "Reals: 30 for each." in caption
    assert "Hardest on average: A, 80.0." in caption


def test_bars_are_as_long_as_their_figures():
    found = make_pictures(study("cross-generator", "x", trainings="AB"), crossed("x"))
    root = ElementTree.fromstring(found["cross-mean"][0].drawing.svg)
    paths = [
        [float(number) for number in re.findall(r"-?\d+\.?\d*", path.get("d"))]
        for path in root.iter("path")
        if "--series-1" in path.get("style", "") and path.get("d", "").count("L") >= 3
    ]
    lengths = [max(p[0::2]) - min(p[0::2]) for p in paths if p[0::2] != p[1::2]]
    assert len(lengths) >= 3
    assert [one / lengths[0] for one in lengths[:3]] == pytest.approx(
        [1, 40 / 35, 37.5 / 35], abs=1e-3
    )


def test_a_single_training_set_is_drawn_from_its_own_table(bars):
    found = make_pictures(study("cross-dataset", "xy", [3]), crossed(trainings="A", seeds=1))
    (picture,) = found["cross"]
    assert list(bars[0]["data"]) == ["A †", "B", "C"]
    caption = picture.drawing.caption
    assert "AUC in percent by group, on the test split, after training on A" in caption
    assert "† the kind of fakes trained on." in caption
    assert "Whiskers" not in caption
    assert "One training each (seed 3), so no spread over seeds" in caption
    assert "nan" not in picture.drawing.svg


def test_left_out_kinds_stand_beside_one_another_without_their_mean(bars):
    def row(training, detector, auc, fakes):
        counts = Counts(reals=30, fakes=fakes) if fakes else None
        out = cell(auc, bounds=(auc - 0.1, auc + 0.05)).model_copy(update={"counts": counts})
        return Row(training=training, detector=detector, cells=(out, cell(0.99, within=True)))

    columns = [Column(name=name, reals=0, fakes=0) for name in ("left out", "the rest")]
    rows = [
        *(row("A", "x", 0.8, 40), row("A", "y", 0.7, 40)),
        *(row("B", "x", 0.6, 50), row("B", "y", 0.9, 50)),
        *(row("mean", "x", 0.7, 0), row("mean", "y", 0.8, 0)),
    ]
    found = make_pictures(study("leave-one-out", "xy", [0]), [table("left", columns, rows)])
    assert [one.name for one in found["left"]] == ["left"]
    (asked,) = bars
    assert {
        name: {one: interval.value for one, interval in group.items()}
        for name, group in asked["data"].items()
    } == {"A": {"x": 0.8, "y": 0.7}, "B": {"x": 0.6, "y": 0.9}}
    assert asked["counts"] == {"A": 40, "B": 50}
    assert ends(asked["data"]["B"]["y"]) == (0.9, 0.8, 0.95)
    caption = found["left"][0].drawing.caption
    assert caption.startswith(
        "AUC in percent by left-out generator, on the test split, each left out of the training;"
    )
    assert "Reals: 30 for each." in caption


def test_a_protocol_that_crosses_nothing_has_no_figure():
    assert make_pictures(study("within", "xy"), crossed(trainings="A")) == {}


def test_many_detectors_and_test_sets_are_several_figures_on_one_axis(bars):
    detectors = [f"variant {i}" for i in range(7)]
    names = [f"g{i}" for i in range(10)]
    tables = crossed(detectors, names, names[:2])
    found = make_pictures(study("cross-forgery", detectors, trainings=names[:2]), tables)
    assert [one.name for one in found["cross-mean"]] == [
        f"cross-mean-part-{i}" for i in range(1, 5)
    ]
    drawn = [(g, d) for asked in bars for g, group in asked["data"].items() for d in group]
    assert sorted(drawn) == sorted((g, d) for g in names for d in detectors)
    assert max(sum(map(len, asked["data"].values())) for asked in bars) <= BARS
    assert [asked["lowest"] for asked in bars] == [pytest.approx(0.25)] * 4
    ids = re.findall(r'\bid="([^"]+)"', "".join(one.drawing.svg for one in found["cross-mean"]))
    assert len(ids) == len(set(ids))


def test_many_detectors_are_several_figures_of_curves(curves):
    detectors = [f"v{i}" for i in range(8)]
    cells = (cell(0.9, 0.8), cell(0.7, 0.6))
    rows = [Row(training="blur", detector=one, cells=cells) for one in detectors]
    found = make_pictures(study("robustness", detectors), [table("r", levels(0, 1), rows)])
    assert [one.name for one in found["r"]] == ["r-part-1", "r-part-2"]
    assert [list(asked["data"]["blur"]) for asked in curves] == [detectors[:4], detectors[4:]]
    assert curves[0]["limits"] == curves[1]["limits"]


def test_the_same_table_gives_the_same_bytes():
    made = [
        as_file(make_pictures(study("cross-generator", "xy"), crossed())["cross-mean"][0].drawing)
        for _ in range(2)
    ]
    assert made[0] == made[1]
    root = ElementTree.fromstring(made[0])
    assert root.get("role") == "img"
    assert "A, x 85.0 [85.0, 85.0]" in root.get("aria-label")


def test_hostile_names_stay_words():
    names = ["<b>&", "$x$"]
    found = make_pictures(study("cross-generator", names), crossed(names, ["<i>", "_b"], ["<i>"]))
    (picture,) = found["cross"]
    assert "<b>" not in picture.drawing.svg
    assert "<i>" not in picture.drawing.svg
    words = [
        "".join(e.itertext()) for e in ElementTree.fromstring(picture.drawing.svg).iter("text")
    ]
    assert {"<b>&", "$x$"} <= set(words)
