"""A build that learns what its training images are like, and scores that remark on others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mfclip
from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.images import decode
from mfclip.inference.score import score_paths
from mfclip.metrics.familiar import Familiar

FILE = "familiar.safetensors"


def made(recipe, plugins, folder: Path, *settings: str) -> Path:
    quick = ("training.epochs=1", "training.validation=val", *settings)
    build(recipe(*quick), folder, plugins=plugins, events=Silent(), device="cpu")
    return folder


@pytest.fixture(scope="module")
def bundle(recipe, plugins, tmp_path_factory) -> Path:
    return made(recipe, plugins, tmp_path_factory.mktemp("runs") / "a", "evaluation.unlike=0.1")


@pytest.fixture(scope="module")
def loaded(bundle):
    return mfclip.load(bundle, device="cpu")


def test_it_is_fitted_on_training_and_validation_images(bundle, loaded, pictures):
    found = loaded.familiar
    assert found is not None
    train = [pictures.file(row) for row in pictures.of_split("train")]
    assert found.features.shape[0] == len(train) == 24
    assert (found.smallest, found.largest, found.formats) == (32, 32, ("PNG",))
    images = [torch.from_numpy(decode(path)).movedim(-1, 0) for path in train]
    features = loaded.predictor.seen(images).features
    assert np.diag(found.features @ features.T) == pytest.approx(
        np.linalg.norm(features, axis=1), rel=1e-4
    )
    assert FILE in loaded.bundle.about.files


def test_at_most_the_share_of_validation_images_is_remarked_on(loaded, pictures):
    files = [pictures.file(row) for row in pictures.of_split("val")]
    told = [score.reason for score in loaded.score(files)]
    assert sum("unlike the training images" in reason for reason in told) <= 0.1 * len(files) + 1


def test_an_image_of_another_kind_is_remarked_on_and_its_score_stays(loaded, tmp_path):
    pixels = np.zeros((80, 60, 3), dtype=np.uint8)
    pixels[:40] = (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "flag.jpg")
    (score,) = loaded.score(tmp_path / "flag.jpg")
    assert score.status == "ok"
    assert score.reason.startswith("unlike the training images: distance ")
    assert "shorter side of 60 pixels is outside the training images' 32 to 32" in score.reason
    assert score.reason.endswith("a JPEG file; the training images were PNG")
    assert list(score_paths(loaded, [tmp_path / "flag.jpg"])) == [score]
    (as_pixels,) = loaded.score(Image.fromarray(pixels))
    assert "JPEG" not in as_pixels.reason
    silent = mfclip.load(loaded.bundle.folder, device="cpu")
    object.__setattr__(silent, "familiar", None)
    (plain,) = silent.score(tmp_path / "flag.jpg")
    assert (plain.p_fake, plain.verdict, plain.reason) == (score.p_fake, score.verdict, "")


def test_without_the_setting_nothing_is_remarked_on(recipe, plugins, tmp_path):
    found = mfclip.load(made(recipe, plugins, tmp_path / "b"), device="cpu")
    assert found.familiar is None
    assert not (tmp_path / "b" / FILE).exists()


def test_too_few_validation_images_are_told(recipe, plugins, tmp_path):
    folder = made(recipe, plugins, tmp_path / "c", "evaluation.unlike=0.01")
    found = mfclip.load(folder, device="cpu")
    assert found.familiar is None
    assert found.operating.notes[-1] == (
        "images unlike the training's are not told: needs 99 validation images or more, got 12"
    )


def test_a_damaged_file_is_refused(bundle, tmp_path):
    whole = (bundle / FILE).read_bytes()
    for name, content in (("cut", whole[:50]), ("other", whole.replace(b"nearest", b"farthes"))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(mfclip.errors.BundleError, match="is damaged"):
            Familiar.load(tmp_path / name)
