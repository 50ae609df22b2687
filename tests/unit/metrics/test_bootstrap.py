from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from sklearn import metrics as oracle

from mfclip.metrics.bootstrap import (
    AT_THRESHOLD,
    THRESHOLD_FREE,
    Resampler,
    View,
    clusters,
    percentiles,
    replicate,
)
from mfclip.metrics.measures import equal_error_rate, roc_auc, tpr_at_fpr
from mfclip.metrics.operating import OperatingPoints

POINTS = OperatingPoints(temperature=2.0)


def all_of(table):
    return View.make(table, np.ones(len(table), dtype=bool), POINTS, [0.4])


def auc_interval(table, resamples=200, seed=0):
    drawn = replicate([all_of(table)], Resampler.make(table), resamples, [seed])[0]
    return percentiles(drawn, 0.95)[:, 0]


def test_every_measure_equals_a_slow_loop(drawn):
    table = drawn(80, identity=[str(i // 3) for i in range(80)])
    resampler = Resampler.make(table)
    fast = replicate([all_of(table)], resampler, 25, [7])[0]
    weights = np.concatenate(list(resampler.weights(25, [7])))
    assert fast.shape == (25, len(THRESHOLD_FREE) + len(AT_THRESHOLD))
    for row, found in zip(weights, fast, strict=True):
        fake, score = np.repeat(table.is_fake, row), np.repeat(table.log_odds, row)
        flagged = POINTS.p_fake(score) >= 0.4
        slow = [
            oracle.roc_auc_score(fake, score),
            oracle.average_precision_score(fake, score),
            equal_error_rate(fake, score),
            tpr_at_fpr(fake, score, 0.01),
            tpr_at_fpr(fake, score, 0.05),
            oracle.accuracy_score(fake, flagged),
            flagged[~fake].mean(),
            oracle.recall_score(fake, flagged),
        ]
        assert np.allclose(found, slow, atol=1e-12, rtol=0)


def test_a_part_is_measured_as_if_it_were_alone(drawn):
    table = drawn(60, group=["a", "b"] * 30)
    part = table.group == "b"
    view = View.make(table, part, POINTS, [0.4])
    alone = all_of(table.where(part))
    weights = np.random.default_rng(0).integers(0, 3, size=(9, 60))
    assert np.array_equal(view.measure(weights), alone.measure(weights[:, part]))


def test_images_of_one_identity_are_drawn_together(drawn):
    table = drawn(90, identity=[str(i // 3) for i in range(90)])
    for weights in Resampler.make(table).weights(50, [0]):
        assert (weights.reshape(-1, 30, 3) == weights.reshape(-1, 30, 3)[:, :, :1]).all()
        assert (weights.max(axis=1) > 1).all()


def test_images_without_an_identity_are_drawn_alone(drawn):
    resampler = Resampler.make(drawn(30, identity=["", "x", "x"] * 10))
    assert resampler.identities == 11
    assert np.unique(resampler.cluster, return_counts=True)[1].max() == 20


def test_each_group_keeps_its_classes_in_every_resample(table_of):
    # Two reals among fifty: drawn without strata, one resample in eight would have none.
    fake = np.arange(50) >= 2
    group = np.where(np.arange(50) % 2, "a", "b")
    table = table_of(fake, np.zeros(50), group=group)
    weights = np.concatenate(list(Resampler.make(table).weights(300, [0])))
    for name in "ab":
        for label in (True, False):
            kept = weights[:, (table.group == name) & (fake == label)]
            assert (kept.sum(axis=1) == kept.shape[1]).all()


def test_a_photo_and_its_forgery_stay_together(table_of):
    table = table_of([False, True] * 40, np.zeros(80), identity=np.repeat(np.arange(40), 2))
    resampler = Resampler.make(table)
    assert len(resampler.strata) == 1
    for weights in resampler.weights(20, [0]):
        assert np.array_equal(weights[:, 0::2], weights[:, 1::2])


def test_an_identity_alone_in_its_stratum_is_counted_as_pinned(table_of):
    fake = [True] * 6 + [False] * 6
    table = table_of(fake, np.zeros(12), identity=["lone"] * 6 + list("abcdef"))
    assert Resampler.make(table).pinned == 6


def test_a_seed_gives_the_same_interval_again(drawn):
    table = drawn(100)
    assert np.array_equal(auc_interval(table, seed=3), auc_interval(table, seed=3))
    assert not np.array_equal(auc_interval(table, seed=3), auc_interval(table, seed=4))


def test_weights_come_in_bounded_chunks(drawn):
    chunks = list(Resampler.make(drawn(5_000)).weights(100, [0]))
    assert sum(map(len, chunks)) == 100
    assert max(chunk.size for chunk in chunks) <= 1 << 16


def test_nothing_to_draw_gives_nan(table_of):
    assert np.isnan(auc_interval(table_of([], []))).all()


def coverage(draw, truth, trials=300):
    """Share of intervals that hold the true AUC."""
    hits = 0
    for trial in range(trials):
        low, high = auc_interval(draw(np.random.default_rng(trial)), resamples=200)
        hits += low <= truth <= high
    return hits / trials


def test_intervals_of_independent_images_cover_the_truth(table_of):
    truth = NormalDist().cdf(1 / np.sqrt(2))
    fake = np.arange(120) % 2 == 0
    found = coverage(lambda rng: table_of(fake, rng.normal(size=120) + fake), truth)
    assert 0.91 <= found <= 0.985  # 0.95, three standard errors, and the bias of percentiles


def test_intervals_cover_the_truth_only_if_identities_are_drawn(table_of):
    # Six images of each person, who explains half of the variance.
    person = np.repeat(np.arange(40), 6)
    fake = person % 2 == 0
    truth = NormalDist().cdf(1 / 2)

    def draw(rng, **columns):
        score = fake + rng.normal(size=40)[person] + rng.normal(size=240)
        return table_of(fake, score, **columns)

    assert coverage(lambda rng: draw(rng, identity=person), truth, trials=150) >= 0.88
    assert coverage(draw, truth, trials=150) <= 0.8


def test_the_value_does_not_depend_on_the_resampling(drawn):
    table = drawn(70)
    value = all_of(table).measure(np.ones((1, 70)))[0, 0]
    assert value == pytest.approx(roc_auc(table.is_fake, table.log_odds), abs=1e-12)


def test_frames_of_one_video_are_drawn_together(table_of):
    table = table_of(
        np.ones(12), np.zeros(12), identity=["p"] * 4 + [""] * 8, video=["v", "w"] * 4 + [""] * 4
    )
    # One identity whatever its videos, two videos of nobody, four images of nothing.
    assert clusters(table).tolist() == [0, 0, 0, 0, 1, 2, 1, 2, 3, 4, 5, 6]
    assert Resampler.make(table).identities == 7


def test_a_video_named_like_an_identity_is_another_unit(table_of):
    table = table_of([True, True], [0, 1], identity=["x", ""], video=["x", "x"])
    assert clusters(table).tolist() == [0, 1]
