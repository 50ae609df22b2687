from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mfclip.metrics.bootstrap import Resampler
from mfclip.metrics.delong import paired_test
from mfclip.metrics.paired import paired_bootstrap


def test_differences_equal_a_slow_loop(drawn):
    table = drawn(60, identity=(np.arange(60) // 3).astype(str))
    other = np.random.default_rng(1).normal(size=60) + table.is_fake
    found = paired_bootstrap(table, other, resamples=40, seed=5)
    slow = []
    for weights in Resampler.make(table).weights(40, [5]):
        for row in weights:
            fake = np.repeat(table.is_fake, row)
            aucs = [roc_auc_score(fake, np.repeat(s, row)) for s in (table.log_odds, other)]
            slow.append(aucs[0] - aucs[1])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    smaller = min(sum(d <= 1e-12 for d in slow), sum(d >= -1e-12 for d in slow))
    assert found.p_value == pytest.approx(2 * (smaller + 1) / 41)


def test_independent_images_give_delong_s_interval(drawn):
    table = drawn(500)
    other = 0.5 * table.log_odds + np.random.default_rng(1).normal(size=500)
    found = paired_bootstrap(table, other)
    tested = paired_test(table.is_fake, table.log_odds, other)
    assert (found.auc_a, found.auc_b) == pytest.approx((tested.auc_a, tested.auc_b), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((tested.low, tested.high), abs=0.01)


def test_only_whole_identities_keep_the_false_alarm_rate(table_of):
    # 40 people, six images each. Each detector misjudges people, not single images.
    person = np.repeat(np.arange(40), 6)
    fake = person % 2 == 0
    alarms = {"delong": 0, "bootstrap": 0}
    trials = 150
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        a, b = (fake + rng.normal(size=40)[person] + 0.5 * rng.normal(size=240) for _ in range(2))
        table = table_of(fake, a, identity=person.astype(str))
        alarms["delong"] += paired_test(fake, a, b).p_value < 0.05
        alarms["bootstrap"] += paired_bootstrap(table, b, resamples=200).p_value < 0.05
    assert alarms["delong"] / trials > 0.25
    assert alarms["bootstrap"] / trials < 0.12


def test_frames_of_one_video_count_as_one(table_of):
    video = np.repeat(np.arange(40), 6)
    fake = video % 2 == 0
    rng = np.random.default_rng(0)
    a, b = (fake + rng.normal(size=40)[video] for _ in range(2))
    apart = paired_bootstrap(table_of(fake, a), b, resamples=400)
    whole = paired_bootstrap(table_of(fake, a, video=video.astype(str)), b, resamples=400)
    assert whole.high - whole.low > 2 * (apart.high - apart.low)


def test_the_same_scores_do_not_differ(drawn):
    table = drawn(50)
    found = paired_bootstrap(table, table.log_odds, resamples=100)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_sure_difference_has_the_smallest_p_value_there_is(table_of):
    fake = np.arange(200) % 2 == 0
    table = table_of(fake, fake + np.arange(200) / 1e4)
    found = paired_bootstrap(table, np.random.default_rng(0).normal(size=200), resamples=199)
    assert found.p_value == pytest.approx(2 / 200)
    assert found.low > 0.3


def test_a_seed_gives_the_same_interval_again(drawn):
    table, other = drawn(60), drawn(60, seed=1).log_odds
    one, two, third = (paired_bootstrap(table, other, resamples=99, seed=s) for s in (0, 0, (0, 7)))
    assert one == two
    assert one != third


def test_one_sided_data_give_a_reason(table_of):
    found = paired_bootstrap(table_of([True] * 3, [0, 1, 2]), np.zeros(3))
    assert found.undefined == "no real images"
    assert math.isnan(found.p_value)


def test_one_score_a_row_is_needed(drawn):
    with pytest.raises(ValueError, match=r"5 images but other scores of shape \(4,\)"):
        paired_bootstrap(drawn(5), np.zeros(4))
