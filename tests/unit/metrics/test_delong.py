from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mfclip.metrics.delong import PairedTest, components, paired_test


def by_definition(is_fake, a, b):
    """Every pair of a fake and a real, in float64, and the covariances as DeLong wrote them."""
    v10, v01 = [], []
    for score in (a, b):
        fakes, reals = score[is_fake][:, None], score[~is_fake][None, :]
        psi = (fakes > reals) + 0.5 * (fakes == reals)
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    s = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    aucs = np.mean(v10, axis=1)
    return aucs, s[0, 0] + s[1, 1] - 2 * s[0, 1]


def correlated(rng, n, *, ties=False, shift=1.0):
    fake = rng.random(n) < 0.4
    common = rng.normal(size=n)
    a, b = (shift * fake + common + rng.normal(size=n) for _ in range(2))
    return (fake, np.round(a), np.round(b)) if ties else (fake, a, b)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [7, 60, 301])
def test_the_test_equals_its_definition(n, ties):
    fake, a, b = correlated(np.random.default_rng(n), n, ties=ties)
    aucs, variance = by_definition(fake, a, b)
    found = paired_test(fake, a, b)
    assert (found.auc_a, found.auc_b) == pytest.approx(aucs, abs=1e-12)
    reach = 1.959963984540054 * math.sqrt(variance)
    assert found.low == pytest.approx(aucs[0] - aucs[1] - reach, abs=1e-12)
    assert found.high == pytest.approx(aucs[0] - aucs[1] + reach, abs=1e-12)
    z = abs(aucs[0] - aucs[1]) / math.sqrt(variance)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-9)


def test_aucs_are_those_of_another_library():
    fake, a, b = correlated(np.random.default_rng(0), 200, ties=True)
    found = paired_test(fake, a, b)
    assert found.auc_a == pytest.approx(roc_auc_score(fake, a), abs=1e-12)
    assert found.auc_b == pytest.approx(roc_auc_score(fake, b), abs=1e-12)


def test_each_class_contributes_the_whole_auc():
    fake, a, _ = correlated(np.random.default_rng(1), 90, ties=True)
    found = components(fake, a)
    assert found.fakes.mean() == pytest.approx(found.reals.mean(), abs=1e-12)


def test_the_interval_is_that_of_a_bootstrap():
    rng = np.random.default_rng(2)
    fake, a, b = correlated(rng, 400)
    drawn = []
    for _ in range(2000):
        of_fakes = rng.choice(np.flatnonzero(fake), fake.sum())
        picked = np.concatenate([of_fakes, rng.choice(np.flatnonzero(~fake), (~fake).sum())])
        drawn.append(roc(fake[picked], a[picked]) - roc(fake[picked], b[picked]))
    found = paired_test(fake, a, b)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.06)


def roc(fake, score):
    return components(fake, score).auc


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(3)
    p = np.array([paired_test(*correlated(rng, 100)).p_value for _ in range(600)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p < level) == pytest.approx(level, abs=3 * math.sqrt(level / 600))


def test_the_order_of_the_two_turns_the_sign_only():
    fake, a, b = correlated(np.random.default_rng(4), 80)
    one, other = paired_test(fake, a, b), paired_test(fake, b, a)
    assert other.difference == -one.difference
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))
    assert other.p_value == pytest.approx(one.p_value)


def test_more_confidence_is_wider():
    columns = correlated(np.random.default_rng(5), 80)
    narrow, wide = (paired_test(*columns, confidence=c) for c in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.p_value == wide.p_value


def test_scores_of_one_ranking_do_not_differ():
    fake, a, _ = correlated(np.random.default_rng(6), 80)
    found = paired_test(fake, a, 1000 + np.exp(a))
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert "no width" in found.undefined


def test_a_flawless_score_against_its_reverse_cannot_be_tested():
    fake = np.arange(10) < 5
    found = paired_test(fake, fake * 1.0, -1.0 * fake)
    assert found.difference == 1
    assert math.isnan(found.p_value)
    assert math.isnan(found.low)
    assert "cannot be estimated" in found.undefined


@pytest.mark.parametrize(
    ("fake", "a", "reason"),
    [
        ([], [], "no images"),
        ([1, 1], [0, 1], "no real images"),
        ([0, 0], [0, 1], "no fake images"),
        ([0, 1, 1], [0, 1, math.nan], "a score is NaN"),
    ],
)
def test_one_sided_data_give_a_reason(fake, a, reason):
    found = paired_test(fake, a, np.zeros(len(a)))
    assert found.undefined == reason
    assert math.isnan(found.auc_a)
    assert math.isnan(found.p_value)
    again = PairedTest.model_validate_json(found.model_dump_json())
    assert json.loads(found.model_dump_json())["auc_a"] is None
    assert again.undefined == reason


def test_one_image_of_a_class_has_aucs_only():
    found = paired_test([0, 1, 1], [0.0, 1.0, 2.0], [1.5, 1.0, 2.0])
    assert (found.auc_a, found.auc_b) == (1.0, 0.5)
    assert math.isnan(found.low)
    assert found.undefined == "needs at least two images of each class"


def test_columns_of_one_length_are_needed():
    with pytest.raises(ValueError, match=r"equally long, got \(2,\), \(2,\) and \(1,\)"):
        paired_test([0, 1], [0.0, 1.0], [0.0])
