from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import calibration as oracle

from mfclip.metrics.calibration import calibration_curve, calibration_of, wilson
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.units import clusters


def draw(n, seed=0, *, power=1.0, ties=False):
    """Labels drawn from p, and p bent by a power: 1 is calibrated."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    said = p**power
    return rng.random(n) < p, np.round(said, 1) if ties else said


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "bins"), [(8, 3), (100, 10), (333, 10), (50, 1)])
def test_the_curve_is_that_of_another_library(n, bins, ties):
    fake, said = draw(n, power=2, ties=ties)
    found = calibration_curve(fake, said, bins=bins)
    shares, means = oracle.calibration_curve(fake, said, n_bins=bins, strategy="quantile")
    assert [each.fakes for each in found.bins] == pytest.approx(shares.tolist(), abs=1e-12)
    assert [each.p_fake for each in found.bins] == pytest.approx(means.tolist(), abs=1e-12)
    counts = [each.images for each in found.bins]
    assert sum(counts) == n
    assert found.error == pytest.approx(np.average(abs(shares - means), weights=counts))


def test_bins_hold_equally_many_images():
    found = calibration_curve(*draw(1000), bins=8)
    assert [each.images for each in found.bins] == [125] * 8


@pytest.mark.parametrize(("images", "bins"), [(7, 3), (70, 7), (1001, 10), (5, 9)])
def test_no_bin_is_larger_than_another_by_more_than_one(images, bins):
    found = calibration_curve(np.arange(images) % 2, np.arange(images) / images, bins=bins)
    counts = [each.images for each in found.bins]
    assert sum(counts) == images
    assert max(counts) - min(counts) <= 1


def test_equal_probabilities_are_not_torn_apart():
    said = np.repeat([0.1, 0.9], 50)
    found = calibration_curve(np.arange(100) % 2, said, bins=10)
    assert [each.p_fake for each in found.bins] == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(("fakes", "images"), [(0, 9), (3, 20), (20, 20), (500, 1000)])
def test_intervals_of_independent_images_are_wilson_s(fakes, images):
    found = calibration_curve(np.arange(images) < fakes, np.full(images, 0.5)).bins[0]
    expected = binomtest(fakes, images).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
    assert found.effective == images


def test_images_of_one_identity_count_as_one_image():
    # Five copies of everything: the doubt of the originals.
    fake, said = draw(40)
    once = calibration_curve(fake, said, bins=1).bins[0]
    cluster = np.repeat(np.arange(40), 5)
    copied = calibration_curve(fake.repeat(5), said.repeat(5), bins=1, cluster=cluster).bins[0]
    assert copied.images == 200
    assert copied.effective == pytest.approx(40, rel=0.03)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.01)


def test_a_unit_each_changes_nothing():
    fake, said = draw(90)
    assert calibration_curve(fake, said, cluster=np.arange(90) * 7) == calibration_curve(fake, said)


def test_a_bin_of_one_class_counts_its_units():
    found = calibration_curve([1] * 60, np.full(60, 0.9), cluster=np.arange(60) // 6).bins[0]
    assert found.effective == 10
    assert found.low == pytest.approx(wilson(1.0, 10, 0.95)[0])


def test_intervals_cover_the_truth_only_if_units_are_kept_whole():
    truth, held = 0.3, {"whole": 0, "apart": 0}
    unit = np.repeat(np.arange(40), 5)
    for trial in range(400):
        rng = np.random.default_rng(trial)
        # Beta(0.6, 1.4) has mean 0.3: people differ, their images are alike.
        fake = rng.random(200) < rng.beta(0.6, 1.4, size=40)[unit]
        for name, cluster in (("whole", unit), ("apart", None)):
            only = calibration_curve(fake, np.full(200, truth), cluster=cluster).bins[0]
            held[name] += only.low <= truth <= only.high
    assert held["whole"] / 400 >= 0.91
    assert held["apart"] / 400 <= 0.85


def test_the_error_tells_bent_from_calibrated_probabilities():
    straight = calibration_curve(*draw(20_000))
    bent = calibration_curve(*draw(20_000, power=3))
    assert straight.error < 2 * straight.error_by_chance
    assert bent.error > 10 * bent.error_by_chance
    # By hand: the mean of |p - p³| over 0 to 1 is 1/4.
    assert bent.error == pytest.approx(0.25, abs=0.01)


def test_the_error_by_chance_is_that_of_drawn_labels():
    rng = np.random.default_rng(0)
    said = rng.random(300)
    drawn = [calibration_curve(rng.random(300) < said, said).error for _ in range(300)]
    expected = calibration_curve(said > 0.5, said).error_by_chance
    assert expected == pytest.approx(np.mean(drawn), rel=0.06)


def test_a_table_keeps_its_videos_whole_and_leaves_out_what_has_no_score(drawn):
    points = OperatingPoints(temperature=2.0)
    table = drawn(120, video=(np.arange(120) // 4).astype(str))
    table.log_odds[:3] = math.nan
    scored = table.scored()
    expected = calibration_curve(
        scored.is_fake, points.p_fake(scored.log_odds), cluster=clusters(scored), bins=5
    )
    assert calibration_of(table, points, bins=5) == expected
    assert sum(each.images for each in expected.bins) == 117


@pytest.mark.parametrize(
    ("fake", "said", "reason"),
    [([], [], "no images"), ([0, 1], [0.2, math.nan], "a score is NaN")],
)
def test_nothing_to_measure_gives_a_reason(fake, said, reason):
    found = calibration_curve(fake, said)
    assert (found.bins, found.undefined) == ((), reason)
    assert math.isnan(found.error)


@pytest.mark.parametrize(
    ("said", "bins", "cluster", "message"),
    [
        ([0.5, 1.5], 10, None, "p_fake must be 0 to 1, got 0.5 to 1.5"),
        ([0.5], 10, None, r"equally long, got \(2,\), \(1,\)"),
        ([0.5, 0.5], 10, [1], "equally long"),
        ([0.5, 0.5], 0, None, "bins must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused(said, bins, cluster, message):
    with pytest.raises(ValueError, match=message):
        calibration_curve([0, 1], said, bins=bins, cluster=cluster)
