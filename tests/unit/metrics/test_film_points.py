"""What films are judged by: fitted on validation videos, and only where there are enough."""

from __future__ import annotations

import numpy as np
import pytest

from mfclip.errors import UsageError
from mfclip.evaluation.evaluate import evaluate
from mfclip.inference.points import film_point
from mfclip.metrics.operating import (
    VIDEOS,
    OperatingPoints,
    fit_operating_points,
    fit_temperature,
)
from mfclip.metrics.videos import by_video
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)


@pytest.fixture
def filmed(table_of):
    """So many videos of each class, twelve frames each; of a fake one so many frames are forged."""

    def make(videos: int, forged: int, seed: int = 0):
        draw = np.random.default_rng(seed)
        fake = np.repeat(np.arange(2 * videos) % 2 == 0, 12)
        shown = np.tile(np.arange(12) < forged, 2 * videos)
        odds = draw.normal(np.where(fake & shown, 3.0, -1.0), 1.0)
        return table_of(fake, odds, video=np.repeat(np.arange(2 * videos), 12).astype(str))

    return make


def test_where_every_frame_is_forged_the_mean_is_taken(filmed):
    found = fit_operating_points(filmed(60, 12))
    assert found.sharpness == 0
    videos = by_video(filmed(60, 12))
    assert found.of_films.temperature == pytest.approx(
        fit_temperature(videos.log_odds, videos.is_fake)
    )
    assert (found.of_films.reals, found.of_films.fakes) == (60, 60)


def test_where_few_frames_are_forged_the_highest_count(filmed):
    validation, test = filmed(60, 2), filmed(200, 2, seed=1)
    found = fit_operating_points(validation)
    assert found.sharpness > 0
    assert evaluate(test, found, QUICK).videos.overall.roc_auc.value > 0.03 + (
        evaluate(test, found.model_copy(update={"films": None}), QUICK).videos.overall.roc_auc.value
    )


def test_the_images_points_are_what_they_were(filmed, table_of):
    table = filmed(30, 6)
    found = fit_operating_points(table)
    without = fit_operating_points(table_of(table.is_fake, table.log_odds))
    assert without.films is None
    assert found.model_copy(update={"films": None}) == without


def test_a_film_s_false_alarms_are_those_of_films(filmed):
    """The images' threshold calls no film fake as seldom as was asked for; the films' own does."""
    found = fit_operating_points(filmed(200, 12))
    of_films, of_images = film_point(found, "fpr-5"), found.alarms[1].threshold
    videos = by_video(filmed(2000, 12, seed=1), found.sharpness)
    p_fake = found.of_films.p_fake(videos.log_odds[~videos.is_fake])
    assert np.mean(p_fake >= of_films.threshold) == pytest.approx(0.05, abs=0.02)
    p_image = found.p_fake(videos.log_odds[~videos.is_fake])
    assert np.mean(p_image >= of_images) < 0.005


def test_too_few_videos_are_said(filmed):
    found = fit_operating_points(filmed(VIDEOS - 1, 6))
    assert found.films is None
    assert found.of_films is found
    assert found.notes == (
        f"films are judged as images are: {VIDEOS} validation videos of each class are needed to "
        f"fit what is their own, got {VIDEOS - 1}",
    )


def test_evaluation_by_video_is_at_the_films_points(filmed):
    found = fit_operating_points(filmed(30, 2))
    measured = evaluate(filmed(30, 2, seed=2), found, QUICK)
    assert measured.operating == found
    assert measured.videos.operating == found.of_films


def test_json_gives_the_same(filmed):
    found = fit_operating_points(filmed(30, 2), 0.05)
    assert found.films.points.band is not None
    assert OperatingPoints.model_validate_json(found.model_dump_json()) == found


def test_a_point_that_films_have_not_is_refused(filmed):
    found = fit_operating_points(filmed(30, 2))
    assert found.alarms[0].threshold is not None
    with pytest.raises(UsageError, match="films: threshold 'fpr-1' could not be fitted: needs at"):
        film_point(found, "fpr-1")
