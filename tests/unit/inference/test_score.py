"""Scores of files: calibrated, in order, with a status where a file cannot be read."""

import math
from types import SimpleNamespace

import pytest
import torch

from mfclip.errors import UsageError
from mfclip.evaluation.operating import AlarmThreshold, OperatingPoints
from mfclip.inference.loaded import LoadedDetector
from mfclip.inference.predict import Predictor
from mfclip.inference.score import score_paths

BROKEN = {"gone.png": None, "empty.png": b"", "text.jpg": b"hello", "cut.png": b"\x89PNG\r\n\x1a\n"}


@pytest.fixture
def loaded(detector, preprocessor):
    """Temperature 2.5, and a threshold that lies among the scores."""
    predictor = Predictor(
        detector, preprocessor, device=torch.device("cpu"), precision=torch.float32
    )
    operating = OperatingPoints(temperature=2.5, threshold=0.5)
    return LoadedDetector(SimpleNamespace(), predictor, operating)


@pytest.fixture
def paths(folder):
    """Seven readable files with four broken ones between them."""
    for name, content in BROKEN.items():
        if content is not None:
            (folder / name).write_bytes(content)
    good = [folder / f"{number}.png" for number in range(7)]
    bad = [folder / name for name in BROKEN]
    return [bad[0], *good[:3], bad[1], bad[2], *good[3:], bad[3]]


def test_p_fake_is_the_sigmoid_of_the_tempered_log_odds(loaded, images):
    scores = loaded.score(images)
    for score, log_odds in zip(scores, loaded.predictor(images), strict=True):
        assert score.p_fake == pytest.approx(1 / (1 + math.exp(-log_odds / 2.5)), rel=1e-6)
        assert score.path is None
        assert score.status == "ok"


def test_the_threshold_itself_is_fake(loaded, images):
    reached = loaded.score(images)[3].p_fake
    at = LoadedDetector(
        loaded.bundle, loaded.predictor, OperatingPoints(temperature=2.5, threshold=reached)
    )
    for score in at.score(images):
        assert score.verdict == ("fake" if score.p_fake >= reached else "real")
        assert score.threshold == reached
    assert {score.verdict for score in at.score(images)} == {"real", "fake"}


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (3, 0), (50, 0), (4, 1)])
def test_files_are_scored_in_order_and_broken_ones_have_a_status(
    loaded, paths, images, batch_size, workers
):
    scores = list(score_paths(loaded, iter(paths), batch_size=batch_size, workers=workers))
    assert [score.path for score in scores] == paths
    failed = {score.path.name: score.status for score in scores if score.p_fake is None}
    assert failed == {
        "gone.png": "missing",
        "empty.png": "empty",
        "text.jpg": "not-an-image",
        "cut.png": "truncated",
    }
    assert all(bool(score.reason) == (score.verdict is None) for score in scores)
    found = [score.p_fake for score in scores if score.p_fake is not None]
    expected = [score.p_fake for score in loaded.score(images)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_loaded_scores_paths_like_the_stream(loaded, paths):
    assert [s.p_fake for s in loaded.score(paths, batch_size=2)] == pytest.approx(
        [s.p_fake for s in score_paths(loaded, paths, workers=0)], abs=1e-6
    )


def test_paths_are_taken_only_as_they_are_needed(loaded, paths):
    taken = []

    def endless():
        while True:
            taken.append(paths[1])
            yield paths[1]

    stream = score_paths(loaded, endless(), batch_size=2, workers=0)
    for _ in range(10):
        assert next(stream).status == "ok"
    stream.close()
    assert len(taken) < 40


def test_progress_is_told_the_files_done(loaded, paths):
    told = []
    list(score_paths(loaded, paths, batch_size=4, workers=0, progress=told.append))
    assert told == [4, 8, 11]


def test_no_files_no_scores(loaded):
    assert list(score_paths(loaded, [])) == loaded.score([]) == []


def test_a_threshold_is_taken_by_name_or_number(loaded, paths, images):
    operating = OperatingPoints(
        threshold=0.5, alarms=(AlarmThreshold(limit=0.05, threshold=0.9),), reals=20, fakes=20
    )
    at = LoadedDetector(loaded.bundle, loaded.predictor, operating)
    for wanted, name, value in (("fpr-5", "fpr-5", 0.9), (0.2, "given", 0.2)):
        for scores in (
            at.score(images, threshold=wanted),
            score_paths(at, paths, threshold=wanted),
        ):
            for score in scores:
                assert (score.operating_point, score.threshold) == (name, value)
                if score.p_fake is not None:
                    assert score.verdict == ("fake" if score.p_fake >= value else "real")
    with pytest.raises(UsageError, match="fpr-1"):
        score_paths(at, paths, threshold="fpr-1")  # at once, and not at the first score
    with pytest.raises(UsageError, match="fpr-1"):
        at.score(images, threshold="fpr-1")
