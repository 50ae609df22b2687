"""Scores of files: calibrated, in order, with a status where a file cannot be read."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.compute.precision import Arithmetic
from mfclip.data.preprocess import Preprocessor
from mfclip.errors import UsageError
from mfclip.inference.loaded import LoadedDetector
from mfclip.inference.predict import Predictor
from mfclip.inference.score import score_paths
from mfclip.metrics.operating import AlarmThreshold, OperatingPoints
from mfclip.recipe.settings import PreprocessingSettings

BROKEN = {"gone.png": None, "empty.png": b"", "text.jpg": b"hello", "cut.png": b"\x89PNG\r\n\x1a\n"}


@pytest.fixture
def loaded(detector, preprocessor):
    """Temperature 2.5, and a threshold that lies among the scores."""
    predictor = Predictor(
        detector, preprocessor, device=torch.device("cpu"), precision=torch.float32
    )
    operating = OperatingPoints(temperature=2.5, threshold=0.5)
    return LoadedDetector(SimpleNamespace(), predictor, operating, Arithmetic(torch.float32))


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
    at = replace(loaded, operating=OperatingPoints(temperature=2.5, threshold=reached))
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
    at = replace(loaded, operating=operating)
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


NOTHING = {
    "one pixel": (np.full((1, 1, 3), 90, np.uint8), "too-small"),
    "strip": (np.arange(4 * 3000 * 3).reshape(4, 3000, 3).astype(np.uint8), "too-small"),
    "black": (np.zeros((40, 40, 3), np.uint8), "blank"),
    "nearly one colour": (
        np.arange(4800).reshape(40, 40, 3).astype(np.uint8) % 3 + 90,
        "blank",
    ),
}


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("form", ["path", "pil", "array", "tensor", "floats", "stream"])
def test_an_image_of_nothing_gets_no_verdict(loaded, tmp_path, images, kind, form):
    pixels, status = NOTHING[kind]
    path = tmp_path / "nothing.png"
    Image.fromarray(pixels).save(path)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    given = {
        "path": path,
        "pil": Image.fromarray(pixels),
        "array": pixels,
        "tensor": tensor,
        "floats": tensor[None] / 255,
    }
    if form == "stream":
        (score,) = score_paths(loaded, [path])
    else:
        before, score, after = loaded.score([images[0], given[form], images[1]])
        assert before.verdict
        assert after.verdict
    assert (score.p_fake, score.verdict, score.status) == (None, None, status)
    assert score.reason


def test_fully_transparent_gets_no_verdict(loaded, images):
    image = Image.fromarray(np.ascontiguousarray(images[1].permute(1, 2, 0).numpy()))
    assert loaded.score(image)[0].verdict
    image.putalpha(0)
    assert loaded.score(image)[0].status == "blank"


def test_the_limit_is_the_recipes(loaded, images):
    loaded.predictor.preprocessor = Preprocessor(PreprocessingSettings(size=16, smallest=20))
    assert [one.status for one in loaded.score(images)].count("too-small") == 4


def test_a_note_goes_with_the_score(loaded, images, tmp_path):
    frames = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images[::2]]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    (streamed,), (scored,), (opened,) = (
        list(score_paths(loaded, [path])),
        loaded.score(path),
        loaded.score(Image.open(path)),
    )
    assert streamed == scored
    assert (scored.status, scored.reason) == ("ok", "first of 4 frames")
    assert scored.verdict
    assert (opened.p_fake, opened.reason) == (scored.p_fake, scored.reason)


def test_an_opened_image_that_is_damaged_has_a_status(loaded, folder):
    path = folder / "1.png"
    path.write_bytes(path.read_bytes()[:-400])
    (score,) = loaded.score(Image.open(path))
    assert (score.status, score.path, score.verdict) == ("truncated", None, None)
