"""Corrupted scores: each image its own seed, whatever its neighbours, at the stated resolution."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mfclip.data.images import ImageError, decode
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.detector.model import VisionLanguageDetector
from mfclip.errors import UsageError
from mfclip.inference.corrupted import Corrupted, at_resolution, corrupted_log_odds, image_seed
from mfclip.inference.predict import Predictor, predict_with
from mfclip.parts import BuildContext
from mfclip.recipe.settings import PreprocessingSettings
from mfclip_corruptions.parts import Block, Noise

SIZES = ((40, 40), (48, 40), (40, 40), (64, 64), (40, 56))
NOISE, BLOCK = (part().build(BuildContext()) for part in (Noise, Block))


class Seen:
    """Takes the place of a predictor: keeps what it is given; the spread of pixels is its score."""

    device = torch.device("cpu")
    preprocessor = Preprocessor(PreprocessingSettings())

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def __call__(self, images: list[Tensor], keep: bool = False) -> np.ndarray:
        self.images += [image.clone() for image in images]
        return np.array([spread(image) for image in images])


def spread(image: Tensor) -> float:
    """Variance of the pixels, computed in whole numbers."""
    values = image.long()
    return (values.square().sum() * values.numel() - values.sum() ** 2).item() / values.numel() ** 2


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Five pictures; the first and the third have the same pixels."""
    (tmp_path / "in").mkdir()
    rows = []
    for number, size in enumerate(SIZES):
        random = np.random.default_rng(0 if number == 2 else number)
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        path = Path("in", f"{number}.png")
        coarse.resize(size[::-1], Image.Resampling.BICUBIC).save(tmp_path / path)
        rows.append(Row(path, HierarchicalLabel("real")))
    return Manifest(tmp_path, tuple(rows))


def scores(manifest, predictor=None, corruption=NOISE, level=3, **changes):
    settings = {"seed": 1, "size": None, "batch_size": 2, "workers": 0} | changes
    return corrupted_log_odds(predictor or Seen(), manifest, corruption, level, **settings)


def pixels(manifest, row) -> Tensor:
    return torch.from_numpy(decode(manifest.file(row))).permute(2, 0, 1)


def test_each_image_is_corrupted_with_the_seed_of_its_path(manifest):
    seen = Seen()
    found = scores(manifest, seen, BLOCK, level=4, seed=9)
    for row, image, score in zip(manifest, seen.images, found, strict=True):
        digest = hashlib.sha256(f"9:{row.path.as_posix()}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big") // 2
        wanted = BLOCK(pixels(manifest, row), 4, seed)
        assert torch.equal(image, wanted)
        assert score == spread(wanted)


def test_the_same_pixels_under_another_path_get_other_noise(manifest):
    seen = Seen()
    scores(manifest, seen)
    assert torch.equal(pixels(manifest, manifest.rows[0]), pixels(manifest, manifest.rows[2]))
    assert not torch.equal(seen.images[0], seen.images[2])


def test_batches_workers_and_order_change_nothing(manifest):
    once = scores(manifest)
    for batch_size, workers in ((1, 0), (5, 0), (2, 2)):
        again = scores(manifest, batch_size=batch_size, workers=workers)
        np.testing.assert_array_equal(again, once)
    order = [3, 0, 4, 2, 1]
    mixed = Manifest(manifest.root, tuple(manifest.rows[place] for place in order))
    np.testing.assert_array_equal(scores(mixed), once[order])
    np.testing.assert_array_equal(scores(Manifest(manifest.root, manifest.rows[3:])), once[3:])


def test_the_place_of_the_folder_does_not_count(manifest, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "in").rename(moved / "in")
    there = scores(Manifest(moved, manifest.rows))
    (moved / "in").rename(tmp_path / "in")
    np.testing.assert_array_equal(there, scores(manifest))


def test_another_seed_or_level_is_another_draw(manifest):
    once = scores(manifest)
    assert (scores(manifest, seed=2) != once).all()
    assert (scores(manifest, level=5) > once).all()


def test_corrupted_at_the_stated_resolution_before_the_detectors_resize(manifest):
    sizes = []

    def record(image, level, seed):
        sizes.append(tuple(image.shape))
        return image

    scores(manifest, corruption=record, size=32)
    assert sizes == [(3, 32, 32), (3, 38, 32), (3, 32, 32), (3, 32, 32), (3, 32, 45)]
    sizes.clear()
    scores(manifest, corruption=record)
    assert sizes == [(3, *size) for size in SIZES]


def test_the_detector_sees_the_resized_corrupted_image(manifest):
    """Noise of single pixels is averaged away by a resize that comes after it."""
    given = []
    preprocessor = Preprocessor(PreprocessingSettings(size=16))

    class Tiny(nn.Module):
        def forward(self, images):
            given.append(images.clone())
            return images.mean((2, 3))

    detector = VisionLanguageDetector(Tiny(), 3)
    predictor = Predictor(
        detector, preprocessor, device=torch.device("cpu"), precision=torch.float32
    )
    found = scores(manifest, predictor, size=64, batch_size=5)
    corrupted = Corrupted(NOISE, 3, seed=1, size=64)
    wanted = [corrupted(pixels(manifest, row), row.path) for row in manifest]
    assert torch.equal(given[0], preprocessor(wanted, predictor.device))
    clean = predict_with(predictor, manifest, batch_size=5, workers=0)
    assert (found != clean).all()


def test_level_zero_is_the_clean_image_at_that_resolution(manifest):
    def never(image, level, seed):
        raise AssertionError("level 0 corrupts nothing")

    clean = predict_with(Seen(), manifest, batch_size=2, workers=0)
    np.testing.assert_array_equal(scores(manifest, corruption=never, level=0), clean)
    seen = Seen()
    scores(manifest, seen, corruption=never, level=0, size=20)
    assert [min(image.shape[1:]) for image in seen.images] == [20] * 5


def test_progress_counts_images(manifest):
    told = []
    scores(manifest, progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_resize_is_pillows(manifest):
    for row, size in zip(manifest, (20, 33, 64, 7, 41), strict=True):
        image = pixels(manifest, row)
        height, width = image.shape[1:]
        new = [round(side * size / min(height, width)) for side in (width, height)]
        small = Image.open(manifest.file(row)).resize(new, Image.Resampling.BICUBIC)
        got = at_resolution(image, size).permute(1, 2, 0).numpy().astype(int)
        apart = np.abs(got - np.asarray(small))
        assert apart.max() <= 2  # Pillow rounds between rows and columns
        assert apart.mean() < 0.3


def test_an_image_that_has_the_size_keeps_its_pixels(manifest):
    image = pixels(manifest, manifest.rows[1])
    assert torch.equal(at_resolution(image, 40), image)


def test_seeds_of_images():
    paths = [Path(f"a/{number}.png") for number in range(200)]
    seeds = {image_seed(seed, path) for seed in (0, 1) for path in paths}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
    image_seed(0, Path("\udcff.png"))  # a name that is no UTF-8


@pytest.mark.parametrize("level", [-1, 6, 1.5])
def test_levels_that_are_none(manifest, level):
    with pytest.raises(UsageError, match=f"level is 0 to 5, got {level}"):
        scores(manifest, level=level)


def test_sizes_that_are_none(manifest):
    with pytest.raises(UsageError, match="size is 1 pixel or more, got 0"):
        scores(manifest, size=0)


def test_an_unreadable_image_is_an_error(manifest):
    manifest.file(manifest.rows[3]).unlink()
    with pytest.raises(ImageError, match=r"3\.png: missing"):
        scores(manifest)
