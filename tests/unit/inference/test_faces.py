"""Scores by face, and what they say of the picture."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.compute.precision import Arithmetic
from mfclip.data.preprocess import Preprocessor
from mfclip.faces.finder import FaceFinder
from mfclip.inference.loaded import LoadedDetector
from mfclip.inference.predict import Predictor
from mfclip.inference.score import score_paths
from mfclip.metrics.operating import OperatingPoints
from mfclip.parts import BuildContext
from mfclip.recipe.settings import PreprocessingSettings
from mfclip.testing.toys import ToyLocator

BOXES = [(10, 10, 60, 70), (100, 20, 140, 60), (150, 80, 190, 119), (70, 5, 80, 15)]
"""Faces of the first picture, the largest first; the last is small."""


@pytest.fixture
def loaded(detector):
    finder = FaceFinder(ToyLocator().build(BuildContext()), margin=0.3, smallest=32)
    predictor = Predictor(
        detector,
        Preprocessor(PreprocessingSettings(size=16), finder=finder),
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    operating = OperatingPoints(temperature=2.5, threshold=0.5)
    return LoadedDetector(SimpleNamespace(), predictor, operating, Arithmetic(torch.float32))


@pytest.fixture
def pictures():
    """With four faces, with none, with one small one; each on other grain, uint8 (3, H, W)."""
    random = np.random.default_rng(0)
    found = []
    for boxes in (BOXES, [], BOXES[3:]):
        pixels = random.integers(60, 200, (120, 200, 3)).astype(np.uint8)
        for left, top, right, bottom in boxes:
            pixels[top:bottom, left:right] = (255, 0, 0)
        found.append(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())
    return found


@pytest.fixture
def paths(pictures, tmp_path):
    """The pictures as files, and one that is none, first."""
    (tmp_path / "bad.png").write_bytes(b"no")
    names = [tmp_path / f"{number}.png" for number in range(3)]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(name)
    return [tmp_path / "bad.png", *names]


def test_a_face_has_the_score_of_its_crop(loaded, pictures):
    (score,) = loaded.score(pictures[0])
    crops = [loaded.finder.crop(pictures[0], face) for face in loaded.finder(pictures[0])[:3]]
    expected = loaded.operating.p_fake(loaded.predictor(crops))
    assert [face.p_fake for face in score.faces[:3]] == pytest.approx(list(expected), abs=1e-9)
    assert [face.face.box for face in score.faces] == BOXES
    assert [face.number for face in score.faces] == [1, 2, 3, 4]
    assert len(set(expected)) == 3


def test_the_picture_is_as_fake_as_its_worst_face(loaded, pictures):
    (score,) = loaded.score(pictures[0])
    worst = max(face.p_fake for face in score.faces if face.p_fake is not None)
    assert score.p_fake == worst
    for threshold, verdict in ((worst, "fake"), (worst + 1e-6, "real")):
        (again,) = loaded.score(pictures[0], threshold=threshold)
        assert again.verdict == verdict
        verdicts = [face.verdict for face in again.faces]
        assert verdicts.count("fake") == (1 if verdict == "fake" else 0)
        assert verdicts[3] is None


def test_small_faces_and_no_face_get_no_verdict(loaded, pictures):
    first, none, small = loaded.score(pictures)
    assert first.faces[3].status == "small-face"
    assert (none.status, none.p_fake, none.verdict, none.faces) == ("no-face", None, None, ())
    assert (small.status, small.p_fake, small.verdict) == ("small-face", None, None)
    assert "10 x 10 pixels" in small.reason
    assert [face.p_fake for face in small.faces] == [None]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (2, 0), (24, 0), (2, 1)])
def test_files_give_the_same_in_batches_of_any_size(loaded, pictures, paths, batch_size, workers):
    found = list(score_paths(loaded, iter(paths), batch_size=batch_size, workers=workers))
    assert [score.path for score in found] == paths
    assert found[0].status == "not-an-image"
    assert found[0].faces == ()
    for one, other in zip(found[1:], loaded.score(pictures), strict=True):
        assert (one.status, one.verdict, one.reason) == (other.status, other.verdict, other.reason)
        assert len(one.faces) == len(other.faces)
        for mine, its in zip(one.faces, other.faces, strict=True):
            assert mine.face == its.face
            assert mine.p_fake == (None if its.p_fake is None else pytest.approx(its.p_fake))


def test_no_more_faces_than_a_batch_pass_at_once(loaded, pictures, monkeypatch):
    sizes = []
    whole = Predictor.__call__

    def counted(self, images, **more):
        sizes.append(len(images))
        return whole(self, images, **more)

    monkeypatch.setattr(Predictor, "__call__", counted)
    loaded.score([pictures[0]] * 2, batch_size=2)
    assert sizes == [2, 2, 2]
