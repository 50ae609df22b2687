from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as oracle

from mfclip.evaluation import metrics

RANKED = [
    metrics.roc_auc,
    metrics.average_precision,
    metrics.equal_error_rate,
    lambda fake, score: metrics.tpr_at_fpr(fake, score, 0.05),
]


def draws() -> list[tuple[np.ndarray, np.ndarray]]:
    """Forty small samples: many ties, few ties, none; balanced and lopsided."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(40):
        n = int(rng.integers(5, 400))
        fake = rng.random(n) < (0.1, 0.5, 0.9)[i % 3]
        fake[:2] = True, False
        score = rng.normal(size=n) + fake
        out.append((fake, np.round(score, (0, 1, 12)[i % 3])))
    return out


@pytest.mark.parametrize(("fake", "score"), draws())
def test_areas_equal_scikit_learn(fake, score):
    assert metrics.roc_auc(fake, score) == pytest.approx(
        oracle.roc_auc_score(fake, score), abs=1e-12
    )
    assert metrics.average_precision(fake, score) == pytest.approx(
        oracle.average_precision_score(fake, score), abs=1e-12
    )


@pytest.mark.parametrize(("fake", "score"), draws())
def test_points_of_the_curve_equal_scikit_learn(fake, score):
    fpr, tpr, _ = oracle.roc_curve(fake, score, drop_intermediate=False)
    curve = metrics.roc_curve(fake, score)
    assert np.allclose(curve.fpr, fpr, atol=1e-12, rtol=0)
    assert np.allclose(curve.tpr, tpr, atol=1e-12, rtol=0)
    for limit in (0.0, 0.01, 0.05, 0.5, 1.0):
        assert metrics.tpr_at_fpr(fake, score, limit) == pytest.approx(
            tpr[fpr <= limit].max(), abs=1e-12
        )
    equal = brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1, xtol=1e-14)
    if equal not in fpr:  # on a vertical step interp1d picks a side
        assert metrics.equal_error_rate(fake, score) == pytest.approx(equal, abs=1e-12)


@pytest.mark.parametrize(("fake", "score"), draws())
def test_accuracy_equals_scikit_learn(fake, score):
    assert metrics.accuracy(fake, score, 0.3) == oracle.accuracy_score(fake, score >= 0.3)


def test_auc_is_the_mann_whitney_count():
    fake, score = draws()[0]
    wins = np.sign(score[fake][:, None] - score[~fake][None, :])
    assert metrics.roc_auc(fake, score) == pytest.approx((wins + 1).mean() / 2, abs=1e-12)


def test_a_score_at_the_threshold_means_fake():
    assert metrics.accuracy([True, False], [0.5, 0.4], 0.5) == 1.0


def test_the_equal_error_rate_lies_where_alarms_equal_misses():
    # Reals at 0, 1, 2, 3 and fakes at 1.5, 2.5, 3.5, 4.5: flagging from 2.5 on raises one
    # alarm in four and misses one fake in four.
    fake = [False] * 4 + [True] * 4
    score = [0, 1, 2, 3, 1.5, 2.5, 3.5, 4.5]
    assert metrics.equal_error_rate(fake, score) == 0.25


def test_the_equal_error_rate_on_a_vertical_step():
    # No alarm and half of the fakes missed, then one alarm in two with the misses unchanged.
    fake, score = [True, True, False, False], [9, 1, 5, 0]
    assert metrics.equal_error_rate(fake, score) == 0.5


def test_a_rate_of_exactly_the_limit_is_within_it():
    fake = [False] * 100 + [True]
    score = [*range(100), 98.5]  # one real above the fake: 1 of 100
    assert metrics.tpr_at_fpr(fake, score, 0.01) == 1.0
    assert metrics.tpr_at_fpr(fake, score, 0.009) == 0.0
    assert metrics.tpr_at_fpr(fake, score, 1.0) == 1.0


@pytest.mark.parametrize("metric", RANKED)
@pytest.mark.parametrize(
    ("fake", "score", "reason"),
    [
        ([], [], "no images"),
        ([True, True], [1.0, 2.0], "no real images"),
        ([False], [1.0], "no fake images"),
        ([True, False], [np.nan, 1.0], "a score is NaN"),
    ],
)
def test_what_cannot_be_measured_is_nan_with_a_reason(metric, fake, score, reason):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(metric(fake, score))
        assert metrics.roc_curve(fake, score) is None
    assert metrics.undefined(fake, score) == reason


def test_accuracy_needs_one_class_only():
    assert metrics.accuracy([True, True], [1.0, 0.0], 0.5) == 0.5
    assert np.isnan(metrics.accuracy([], [], 0.5))
    assert np.isnan(metrics.accuracy([True], [np.nan], 0.5))


def test_what_can_be_measured_has_no_reason():
    assert metrics.undefined([True, False], [1.0, 2.0]) == ""


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"equally long, got \(2,\) and \(1,\)"):
        metrics.roc_auc([True, False], [1.0])


def test_infinite_scores_rank_at_the_ends():
    assert metrics.roc_auc([True, False, False], [np.inf, -np.inf, 0.0]) == 1.0
