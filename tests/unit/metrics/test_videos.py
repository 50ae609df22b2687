from __future__ import annotations

import warnings
from dataclasses import fields

import numpy as np
import pytest

from mfclip.errors import DataError
from mfclip.metrics.videos import by_video, check_videos, has_videos

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


@pytest.fixture
def ffpp(table_of):
    """140 pairs, each forged by four methods, three frames each: 560 videos."""
    pair = np.repeat(np.arange(140), 4 * 3)
    method = np.tile(np.repeat(METHODS, 3), 140)

    def make(video):
        score = np.random.default_rng(0).normal(size=len(pair))
        return table_of(np.ones(len(pair)), score, video=video(method, pair), generator=method)

    return make


def test_videos_of_four_manipulations_stay_four(ffpp):
    table = ffpp(lambda method, pair: np.char.add(np.char.add(method, "/"), pair.astype(str)))
    videos = by_video(table)
    assert len(videos) == 560
    assert len(set(videos.video)) == 560


def test_the_folder_s_name_as_an_id_is_refused(ffpp):
    table = ffpp(lambda method, pair: pair.astype(str))
    with pytest.raises(DataError) as caught:
        by_video(table)
    text = str(caught.value)
    assert text.startswith("video '0' has two values of generator: 'Deepfakes', 'Face2Face'")
    assert "... and 135 more videos" in text
    assert "Deepfakes/000_003" in text


@pytest.mark.parametrize("column", ["forgery", "family", "generator", "group", "identity"])
def test_frames_of_one_video_share_what_they_should(table_of, column):
    table = table_of([True] * 3, [0, 1, 2], video=["v", "v", "w"], **{column: ["a", "b", "a"]})
    with pytest.raises(DataError, match=f"video 'v' has two values of {column}: 'a', 'b'"):
        check_videos(table)


def test_a_video_with_both_labels_is_refused(table_of):
    table = table_of([True, False], [0, 1], video=["v", "v"])
    with pytest.raises(DataError, match="two values of label: 'fake', 'real'"):
        by_video(table)


def test_a_video_s_score_is_the_mean_of_its_frames(table_of):
    table = table_of(
        [True, False, True, False, True, False],
        [1.0, 5.0, 4.0, -7.0, np.nan, 6.0],
        video=["b", "a", "b", "", "b", ""],
    )
    videos = by_video(table)
    assert videos.video.tolist() == ["b", "a", "", ""]
    assert videos.log_odds.tolist() == [2.5, 5.0, -7.0, 6.0]
    assert videos.is_fake.tolist() == [True, False, False, False]
    assert videos.path.tolist() == ["00000.png", "00001.png", "00003.png", "00005.png"]


def test_a_video_without_a_score_has_none(table_of):
    table = table_of([True, True, False], [np.nan, np.nan, 1.0], video=["a", "a", "b"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(by_video(table).log_odds, [np.nan, 1.0], equal_nan=True)


def test_means_equal_a_slow_loop(drawn):
    video = np.random.default_rng(3).integers(0, 40, 300)
    table = drawn(300, video=video.astype(str))
    table.is_fake[:] = video % 2 == 0
    found = by_video(table)
    for name, score in zip(found.video, found.log_odds, strict=True):
        assert score == pytest.approx(table.log_odds[table.video == name].mean(), abs=1e-12)


def test_images_without_videos_come_back_as_they_are(drawn):
    table = drawn(20)
    for column in fields(table):
        again = getattr(by_video(table), column.name)
        assert np.array_equal(again, getattr(table, column.name))
    assert len(by_video(table.where(np.zeros(20, dtype=bool)))) == 0


def test_a_video_may_be_named_like_a_place_in_the_table(table_of):
    assert len(by_video(table_of([True] * 3, [0, 1, 2], video=["", "1", "0"]))) == 3


@pytest.mark.parametrize(
    ("video", "known"), [(["", ""], False), (["a", "b"], False), (["a", "a"], True)]
)
def test_videos_differ_from_frames_where_one_has_two(table_of, video, known):
    assert has_videos(table_of([True, True], [0, 1], video=video)) is known


def test_pooling_is_log_mean_exp(table_of):
    draw = np.random.default_rng(0)
    odds = draw.normal(scale=30, size=60)
    odds[::7] = np.nan
    odds[-3:] = np.nan
    names = [*draw.choice(["a", "b", ""], 57), "none", "none", "none"]
    table = table_of([True] * 60, odds, video=names)
    for sharpness in (0.01, 0.5, 40.0):
        pooled = by_video(table, sharpness)
        for name, found in zip(pooled.video, pooled.log_odds, strict=True):
            frames = odds[np.array(names) == name].astype(np.longdouble)
            frames = frames[~np.isnan(frames)]
            if name == "none":
                assert np.isnan(found)
            elif name:
                expected = np.log(np.mean(np.exp(sharpness * frames))) / sharpness
                assert found == pytest.approx(float(expected), rel=1e-9)
        alone = pooled.where(pooled.video == "")
        single = odds[np.array(names) == ""]
        assert np.allclose(alone.log_odds, single, equal_nan=True), "an image is its own mean"


def test_pooling_lies_between_mean_and_maximum(table_of):
    table = table_of([True] * 4, [0.0, 1.0, 2.0, 9.0], video=["v"] * 4)
    found = [float(by_video(table, sharpness).log_odds[0]) for sharpness in (0, 1e-6, 1, 100)]
    assert found[0] == 3
    assert found[1] == pytest.approx(3, abs=1e-4)
    assert 3 < found[2] < found[3] == pytest.approx(9, abs=0.02)
