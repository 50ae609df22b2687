"""The band of uncertain scores: its guarantee, by leaving each image out in turn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfclip.metrics.band import Band, fewest, fit_band, rank
from mfclip.metrics.operating import OperatingPoints, fit_operating_points


def scores(reals: int, fakes: int, apart: float, seed: int = 0):
    """``p_fake`` and labels of normal log-odds whose classes lie ``apart`` standard deviations."""
    draw = np.random.default_rng(seed)
    is_fake = np.arange(reals + fakes) >= reals
    log_odds = draw.normal(size=reals + fakes) + apart * (is_fake - 0.5)
    return 1 / (1 + np.exp(-log_odds)), is_fake


@pytest.mark.parametrize("error", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize(("reals", "fakes"), [(101, 160), (200, 120)])
@pytest.mark.parametrize("apart", [0.0, 1.5, 3.0, 6.0])
def test_of_exchangeable_images_each_left_out_in_turn_at_most_the_share_is_wrong(
    error, reals, fakes, apart
):
    p_fake, is_fake = scores(reals, fakes, apart)
    wrong = np.zeros(len(p_fake), dtype=bool)
    for place in range(len(p_fake)):
        others = np.arange(len(p_fake)) != place
        band = fit_band(p_fake[others], is_fake[others], error, 0.5)
        assert band.fitted
        assert band.low <= band.high
        verdict = band.verdict(p_fake[place])
        wrong[place] = verdict == ("real" if is_fake[place] else "fake")
    # That is the probability that the theory speaks of, for this set of images, exactly.
    assert wrong[~is_fake].mean() <= error
    assert wrong[is_fake].mean() <= error
    if apart < 1:  # nothing is given away where the classes overlap
        assert wrong[~is_fake].mean() > error - 2 / reals
        assert wrong[is_fake].mean() > error - 2 / fakes


def test_equal_scores_keep_the_guarantee():
    p_fake, is_fake = scores(150, 150, 1.0)
    p_fake = np.round(p_fake, 1)
    band = fit_band(p_fake, is_fake, 0.1, 0.5)
    verdicts = np.array([band.verdict(p) for p in p_fake])
    assert (verdicts[~is_fake] == "fake").mean() <= 0.1
    assert (verdicts[is_fake] == "real").mean() <= 0.1
    assert (verdicts == "uncertain").any()


def test_classes_far_apart_leave_no_image_uncertain():
    p_fake, is_fake = scores(100, 100, 8.0)
    band = fit_band(p_fake, is_fake, 0.05, 0.5)
    assert band.low == band.high == 0.5
    elsewhere = fit_band(p_fake, is_fake, 0.05, 0.0)
    assert np.sort(p_fake[~is_fake])[95] < elsewhere.low == elsewhere.high
    assert elsewhere.high <= np.sort(p_fake[is_fake])[4]


def test_a_smaller_error_leaves_more_uncertain():
    p_fake, is_fake = scores(300, 300, 1.0)
    widths = []
    for error in (0.01, 0.05, 0.1, 0.2):
        band = fit_band(p_fake, is_fake, error, 0.5)
        widths.append(band.high - band.low)
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4


@pytest.mark.parametrize(("error", "least"), [(0.5 - 1e-9, 2), (0.1, 9), (0.05, 19), (0.01, 99)])
def test_the_fewest_images(error, least):
    assert fewest(error) == least
    assert rank(least, error) <= least
    assert rank(least - 1, error) > least - 1
    p_fake, is_fake = scores(least, least + 5, 1.0)
    assert fit_band(p_fake, is_fake, error, 0.5).fitted
    few = fit_band(p_fake[1:], is_fake[1:], error, 0.5)
    assert not few.fitted
    assert f"needs at least {least} real and {least} fake" in few.reason
    assert f"got {least - 1} and {least + 5}" in few.reason
    with pytest.raises(ValueError, match="there is no band: an error of"):
        few.verdict(0.5)


@pytest.mark.parametrize(("value", "which"), [(1.0, "real"), (0.0, "fake")])
def test_scores_at_the_end_of_the_scale_allow_no_band(value, which):
    p_fake, is_fake = scores(100, 100, 1.0)
    p_fake[is_fake == (which == "fake")] = value
    band = fit_band(p_fake, is_fake, 0.05, 0.5)
    assert not band.fitted
    assert band.reason == f"more than 5.0% of the {which} validation images have p_fake {value:.0f}"


def test_the_worst_is_what_95_percent_of_validation_splits_keep_below():
    draw, error, images = np.random.default_rng(1), 0.05, 60
    drawn = np.sort(draw.uniform(size=(20000, images)), axis=1)
    shares = 1 - drawn[:, rank(images, error) - 1]  # of uniform scores, those above the band's end
    assert shares.mean() <= error
    worst, _ = Band(error=error, low=0.1, high=0.9, reals=images, fakes=images).worst
    assert worst == pytest.approx(np.quantile(shares, 0.95), abs=0.003)
    assert math.isnan(Band(error=error, reals=3, fakes=60).worst[0])


def test_the_operating_points_have_it_only_where_it_is_asked_for(table_of):
    p_fake, is_fake = scores(100, 120, 1.0)
    table = table_of(is_fake, np.log(p_fake / (1 - p_fake)))
    without = fit_operating_points(table)
    assert without.band is None
    assert without.verdict(without.threshold) == "fake"
    points = fit_operating_points(table, 0.05)
    assert points.threshold == without.threshold
    assert points.band.reals == 100
    assert points.band.fakes == 120
    middle = (points.band.low + points.band.high) / 2
    assert points.verdict(middle) == "uncertain"
    assert points.verdict(np.nextafter(points.band.low, 0)) == "real"
    assert points.verdict(points.band.low) == "uncertain"
    assert points.verdict(points.band.high) == "fake"
    assert OperatingPoints.model_validate_json(points.model_dump_json()) == points


def test_too_few_images_leave_two_verdicts_and_a_note(table_of):
    p_fake, is_fake = scores(10, 120, 1.0)
    points = fit_operating_points(table_of(is_fake, np.log(p_fake / (1 - p_fake))), 0.05)
    assert points.verdict(points.threshold) == "fake"
    assert any(note.startswith("no verdict is uncertain: an error of") for note in points.notes)
