from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from mfclip.errors import DataError
from mfclip.evaluation import metrics
from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.results import METRICS
from mfclip.metrics.videos import by_video
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)
N = 400


@pytest.fixture
def grouped(drawn):
    """Two groups; generators g1 and g2 in group a, g3 in group b."""
    table = drawn(N, seed=5, group=np.where(np.arange(N) % 4, "a", "b"))
    made_by = np.where(table.group == "b", "g3", np.where(np.arange(N) % 3, "g1", "g2"))
    table.generator[:] = ""
    return drawn(N, seed=5, group=table.group, generator=np.where(table.is_fake, made_by, ""))


def values(row):
    return [row.interval(metric).value for metric in METRICS]


def expected(table, points):
    """The figures of a row, each from the plain function."""
    p = points.p_fake(table.log_odds)
    fake = table.is_fake
    return [
        metrics.roc_auc(fake, table.log_odds),
        metrics.accuracy(fake, p, points.threshold),
        metrics.accuracy(fake, p, 0.5),
        metrics.average_precision(fake, table.log_odds),
        metrics.equal_error_rate(fake, table.log_odds),
        metrics.tpr_at_fpr(fake, table.log_odds, 0.01),
        metrics.tpr_at_fpr(fake, table.log_odds, 0.05),
    ]


def test_every_row_holds_the_figures_of_its_images(grouped, drawn):
    points = fit_operating_points(drawn(200, seed=1))
    found = evaluate(grouped, points, QUICK)
    real, fake = ~grouped.is_fake, grouped.is_fake
    in_a = grouped.group == "a"
    selections = {
        "overall": real | fake,
        "a": in_a,
        "b": ~in_a,
        "g1": (real & in_a) | (grouped.generator == "g1"),
        "g2": (real & in_a) | (grouped.generator == "g2"),
        "g3": (real & ~in_a) | (grouped.generator == "g3"),
    }
    rows = {row.name: row for row in found.rows() if row.kind != "mean"}
    assert list(rows) == list(selections)
    for name, keep in selections.items():
        part = grouped.where(keep)
        assert values(rows[name]) == pytest.approx(expected(part, points), abs=1e-12)
        assert (rows[name].reals, rows[name].fakes) == (part.reals, part.fakes)


def test_intervals_surround_their_values(grouped):
    for row in evaluate(grouped, OperatingPoints(), QUICK).rows():
        for metric in METRICS:
            interval = row.interval(metric)
            assert interval.low < interval.high
            assert interval.low - 0.02 <= interval.value <= interval.high + 0.02


def test_more_confidence_is_wider(grouped):
    def width(confidence):
        settings = EvaluationSettings(bootstrap=400, confidence=confidence)
        interval = evaluate(grouped, OperatingPoints(), settings).overall.roc_auc
        return interval.high - interval.low

    assert width(0.5) < width(0.9) < width(0.99)


def test_generators_say_which_reals_they_are_compared_with(grouped):
    rows = {row.name: row for row in evaluate(grouped, OperatingPoints(), QUICK).generators}
    assert {name: row.against for name, row in rows.items()} == {
        "g1": "reals of a",
        "g2": "reals of a",
        "g3": "reals of b",
    }


def test_fakes_of_a_group_without_reals_face_all_reals_with_a_warning(table_of):
    table = table_of(
        [False] * 40 + [True] * 40,
        np.arange(80.0) % 7,
        group=["photos"] * 40 + ["renders"] * 40,
        generator=[""] * 40 + ["g"] * 40,
    )
    found = evaluate(table, OperatingPoints(), QUICK)
    assert found.generators[0].reals == 40
    assert found.generators[0].against == "all reals"
    assert "renders has no reals" in found.generators[0].warnings[0]
    assert found.groups[1].undefined == "no real images"
    assert found.mean is None


def test_flawless_rows_are_qualified(table_of):
    found = evaluate(
        table_of([True] * 40 + [False] * 60, [1.0] * 40 + [-1.0] * 60), OperatingPoints()
    )
    assert found.overall.roc_auc.low == 1.0
    assert "with 40 images of a class, an error rate of up to 7.5%" in found.overall.warnings[0]


def test_the_mean_is_over_the_groups_with_both_classes(table_of):
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b", "c"], 60)
    fake = (np.arange(180) % 2 == 0) | (group == "c")
    found = evaluate(table_of(fake, rng.normal(size=180) + fake, group=group), OperatingPoints())
    a, b, _ = (row.roc_auc for row in found.groups)
    assert found.mean.name == "mean of 2 groups"
    assert found.mean.roc_auc.value == pytest.approx((a.value + b.value) / 2)
    width = found.mean.roc_auc.high - found.mean.roc_auc.low
    # Two independent groups: narrower than either by about the square root of two.
    assert width == pytest.approx(np.hypot(a.high - a.low, b.high - b.low) / 2, rel=0.15)


def test_fixed_thresholds_are_tried_on_the_images(drawn):
    validation, test = drawn(400, seed=1), drawn(300, seed=2)
    points = fit_operating_points(validation)
    found = evaluate(test, points, QUICK)
    assert [rates.name for rates in found.thresholds] == [
        "best balanced accuracy",
        "0.5",
        "at most 1% false alarms",
        "at most 5% false alarms",
    ]
    p = points.p_fake(test.log_odds)
    for rates in found.thresholds:
        assert rates.false_alarms.value == np.mean(p[~test.is_fake] >= rates.threshold)
        assert rates.found.value == np.mean(p[test.is_fake] >= rates.threshold)
    assert found.thresholds[0].accuracy == found.overall.accuracy


def test_without_groups_and_generators_there_is_one_row(drawn):
    assert [row.kind for row in evaluate(drawn(50), OperatingPoints(), QUICK).rows()] == ["overall"]


def test_rows_without_a_name_are_called_unnamed(table_of):
    table = table_of(
        [True, False, True, False],
        [1, 0, 1, 0],
        group=["a", "a", "", ""],
        generator=["", "", "g", ""],
    )
    names = [row.name for row in evaluate(table, OperatingPoints(), QUICK).rows()]
    assert names == ["overall", "(unnamed)", "a", "mean of 2 groups", "(unnamed)", "g"]


def test_images_without_a_score_are_left_out_and_counted(table_of):
    table = table_of([True, False, True], [1.0, 0.0, np.nan])
    found = evaluate(table, OperatingPoints(), QUICK)
    assert (found.overall.fakes, found.unscored) == (1, 1)
    assert found.warnings == ("1 of 3 images have no score and are left out",)


@pytest.mark.parametrize(
    ("fake", "reason"),
    [([], "no images"), ([True] * 3, "no real images"), ([False] * 3, "no fake images")],
)
def test_one_sided_data_give_reasons_and_no_exception(table_of, fake, reason):
    table = table_of(fake, [1.0, 2.0, 3.0][: len(fake)], group=["a"] * len(fake))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(table, OperatingPoints(), QUICK)
    assert found.overall.undefined == reason
    assert np.isnan(found.overall.roc_auc.value)
    assert np.isnan(found.overall.accuracy.value) == (not fake)


def test_a_seed_gives_the_same_report_again(grouped):
    one, two = (evaluate(grouped, OperatingPoints(), QUICK).model_dump_json() for _ in range(2))
    assert one == two
    other = QUICK.model_copy(update={"seed": 1})
    assert evaluate(grouped, OperatingPoints(), other).model_dump_json() != one


def test_a_generator_does_not_depend_on_the_others(grouped):
    alone = grouped.where(np.isin(grouped.generator, ["", "g2"]))
    together = evaluate(grouped, OperatingPoints(), QUICK).generators[1]
    assert evaluate(alone, OperatingPoints(), QUICK).generators[0] == together


@pytest.fixture
def filmed(drawn):
    """60 videos of five frames, whose noise is the video's and the frame's in equal parts."""
    rng = np.random.default_rng(0)
    video = np.repeat(np.arange(60), 5)
    fake = video % 2 == 0
    score = fake + rng.normal(size=60)[video] + rng.normal(size=300)
    table = drawn(300, video=video.astype(str), group=np.where(video % 3, "a", "b"))
    return dataclasses.replace(table, is_fake=fake, log_odds=score)


def test_videos_are_measured_beside_their_frames(filmed):
    points = OperatingPoints(temperature=2.0, threshold=0.6)
    found = evaluate(filmed, points, QUICK)
    alone = evaluate(by_video(filmed), points, QUICK)
    assert [values(row) for row in found.videos.rows()] == [values(row) for row in alone.rows()]
    assert found.videos.overall.roc_auc == alone.overall.roc_auc
    assert (found.overall.reals, found.videos.overall.reals) == (150, 30)
    assert [row.name for row in found.videos.rows()] == [row.name for row in found.rows()]
    assert values(found.videos.overall) == pytest.approx(expected(by_video(filmed), points))
    assert found.videos.videos is None


def test_frames_of_a_video_are_drawn_together(filmed):
    alone = dataclasses.replace(filmed, video=np.full(300, ""))
    settings = EvaluationSettings(bootstrap=400)
    together, apart = (evaluate(t, OperatingPoints(), settings).overall for t in (filmed, alone))
    assert (together.identities, apart.identities) == (60, 300)
    assert together.roc_auc.value == apart.roc_auc.value
    widths = [row.roc_auc.high - row.roc_auc.low for row in (together, apart)]
    assert widths[0] > 1.3 * widths[1]


def test_an_id_of_two_videos_stops_the_evaluation(filmed):
    filmed.video[filmed.group == "a"] = "000_003"
    with pytest.raises(DataError, match="video '000_003' has two values of label"):
        evaluate(filmed, OperatingPoints(), QUICK)
