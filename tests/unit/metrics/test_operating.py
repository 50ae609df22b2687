from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.operating import (
    OperatingPoints,
    alarm_threshold,
    balanced_threshold,
    fit_operating_points,
    fit_temperature,
    sigmoid,
)
from mfclip.recipe.settings import EvaluationSettings


def test_p_fake_is_the_sigmoid_of_the_scaled_log_odds():
    p = OperatingPoints(temperature=2.0).p_fake([-1000.0, -2.0, 0.0, 2.0, 1000.0])
    assert np.allclose(p, [0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1], atol=1e-12)


def test_the_temperature_equals_logistic_regression_without_intercept(drawn):
    table = drawn(20_000, shift=1.0)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    slope = model.fit(table.log_odds[:, None], table.is_fake).coef_[0, 0]
    # The smoothed targets move it by about one part in n.
    assert fit_temperature(table.log_odds, table.is_fake) == pytest.approx(1 / slope, rel=1e-3)


def test_the_temperature_undoes_a_known_scaling(drawn):
    table = drawn(2_000)
    once = fit_temperature(table.log_odds, table.is_fake)
    assert fit_temperature(table.log_odds * 4, table.is_fake) == pytest.approx(4 * once, rel=1e-5)


def test_scores_that_are_true_log_odds_need_no_temperature():
    # Normals of variance 1 whose means lie 2 apart: the log-odds are twice the score.
    rng = np.random.default_rng(1)
    fake = rng.random(40_000) < 0.5
    log_odds = 2 * (rng.normal(size=fake.size) + 2 * (fake - 0.5))
    assert fit_temperature(log_odds, fake) == pytest.approx(1.0, abs=0.03)


def test_separated_validation_does_not_make_probabilities_extreme(table_of):
    table = table_of([False] * 10 + [True] * 10, [-1.0] * 10 + [1.0] * 10)
    points = fit_operating_points(table)
    # Platt's targets: 11/12 for ten fakes.
    assert points.p_fake([1.0])[0] == pytest.approx(11 / 12, abs=1e-6)


def test_log_odds_that_point_the_wrong_way_are_noted(table_of):
    table = table_of([True] * 20 + [False] * 20, [-3.0] * 20 + [3.0] * 20)
    points = fit_operating_points(table)
    assert "p_fake stays close to 0.5" in points.notes[0]


@pytest.mark.parametrize("seed", range(10))
def test_no_threshold_has_a_better_balanced_accuracy(seed):
    rng = np.random.default_rng(seed)
    fake = np.arange(60) % 3 == 0
    p = np.round(sigmoid(rng.normal(size=60) + fake), (1, 2, 9)[seed % 3])
    best = max(balanced_accuracy_score(fake, p >= cut) for cut in [*np.unique(p), 1.1])
    chosen = balanced_threshold(p, fake)
    assert balanced_accuracy_score(fake, p >= chosen) == pytest.approx(best, abs=1e-12)
    assert chosen not in p


def test_the_threshold_lies_midway_between_the_classes():
    assert balanced_threshold(np.array([0.1, 0.2, 0.6]), np.array([False, False, True])) == 0.4


def test_of_equally_good_thresholds_the_one_nearest_a_half_wins():
    p = np.array([0.1, 0.3, 0.5, 0.9])
    fake = np.array([False, True, False, True])  # 0.2 and 0.7 both reach 0.75
    assert balanced_threshold(p, fake) == 0.7


def test_adjacent_floats_are_still_told_apart():
    low = 0.3
    high = np.nextafter(low, 1)
    cut = balanced_threshold(np.array([low, high]), np.array([False, True]))
    assert low < cut <= high


@pytest.mark.parametrize("limit", [0.01, 0.05])
def test_the_alarm_threshold_is_the_lowest_that_keeps_the_limit(limit):
    rng = np.random.default_rng(3)
    p, fake = rng.random(600), rng.random(600) < 0.4
    cut = alarm_threshold(p, fake, limit).threshold
    assert np.mean(p[~fake] >= cut) <= limit
    below = p[p < cut].max()
    assert np.mean(p[~fake] >= below) > limit
    assert cut == pytest.approx((below + p[p >= cut].min()) / 2)


def test_too_few_reals_give_no_alarm_threshold():
    p, fake = np.linspace(0, 0.9, 60), np.arange(60) % 2 == 0
    assert alarm_threshold(p, fake, 0.05).threshold is not None
    none = alarm_threshold(p, fake, 0.01)
    assert none.threshold is None
    assert none.reason == "needs at least 100 real validation images, got 30"


def test_reals_that_saturate_give_no_alarm_threshold():
    p, fake = np.array([1.0] * 25 + [0.2]), np.array([False] * 25 + [True])
    assert "p_fake 1" in alarm_threshold(p, fake, 0.05).reason


@pytest.mark.parametrize("fakes", [[], [False, False], [True]])
def test_a_missing_class_leaves_the_defaults_and_a_note(table_of, fakes):
    points = fit_operating_points(table_of(fakes, [1.0] * len(fakes)))
    assert (points.temperature, points.threshold, points.fitted) == (1.0, 0.5, False)
    assert "validation has" in points.notes[0]


def test_images_without_a_score_are_left_out(table_of):
    table = table_of([True, False, True, False], [2.0, -2.0, np.nan, np.nan])
    points = fit_operating_points(table)
    assert (points.reals, points.fakes) == (1, 1)
    assert points == fit_operating_points(table_of([True, False], [2.0, -2.0]))


def test_json_gives_the_same_points(drawn):
    points = fit_operating_points(drawn(150))
    assert OperatingPoints.model_validate_json(points.model_dump_json()) == points


def test_nothing_is_fitted_on_test(drawn, table_of):
    validation, test = drawn(300, seed=1), drawn(300, seed=2)
    before = fit_operating_points(validation).model_dump_json()
    shuffled = table_of(np.random.default_rng(0).permutation(test.is_fake), test.log_odds)
    points = OperatingPoints.model_validate_json(before)
    results = [evaluate(t, points, EvaluationSettings(bootstrap=100)) for t in (test, shuffled)]
    assert results[0].overall.roc_auc != results[1].overall.roc_auc
    assert {result.operating.model_dump_json() for result in results} == {before}
    assert fit_operating_points(validation).model_dump_json() == before
