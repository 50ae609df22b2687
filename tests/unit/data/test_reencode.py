"""One encoder for all images: what it does to pixels, to the data check, and to a traced format."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.data.audit import audit
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.data.reencode import Reencoder
from mfclip.recipe.settings import PreprocessingSettings

CPU = torch.device("cpu")
NUISANCES = {"format-differs", "size-differs", "quality-differs", "aspect-differs"}


def picture(number: int, size: tuple[int, int] = (80, 80)) -> Image.Image:
    """Smooth shapes and fine grain; another one for each number."""
    draw = np.random.default_rng(number)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    grain = draw.normal(0, 6, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.fixture
def manifest(tmp_path):
    """Reals are JPEGs of 90 x 80 pixels, fakes PNGs of 80 x 80."""
    rows = []
    for number in range(60):
        fake, split = number % 2 == 1, ("train", "val", "test")[number // 2 % 3]
        name = f"{number}.{'png' if fake else 'jpg'}"
        picture(number, (80, 80) if fake else (90, 80)).save(tmp_path / name, quality=75)
        rows.append(Row(tmp_path / name, HierarchicalLabel("fake" if fake else "real"), split))
    return Manifest(tmp_path, tuple(rows))


@pytest.mark.parametrize("quality", [100, 92, 30])
def test_jpeg_is_pillows_jpeg(quality):
    pixels = np.asarray(picture(1))
    stream = io.BytesIO()
    picture(1).save(stream, "JPEG", quality=quality, subsampling=2)
    again = Reencoder.named(f"jpeg:{quality}")(pixels)
    np.testing.assert_array_equal(again, np.asarray(Image.open(stream)))
    assert not np.array_equal(again, pixels)


@pytest.mark.parametrize("text", ["jpeg", "jpeg:0", "jpeg:101", "jpeg:9.5", "webp", "PNG", ""])
def test_another_name_is_refused(text):
    with pytest.raises(ValueError, match="png or jpeg:1 to jpeg:100"):
        Reencoder.named(text)


def test_it_crosses_to_worker_processes():
    assert pickle.loads(pickle.dumps(Reencoder.named("jpeg:92"))) == Reencoder(92)


def test_png_only_rounds():
    settings = PreprocessingSettings(size=48)
    images = [tensor(picture(n)) for n in range(3)]
    plain, rounded = Preprocessor(settings), Preprocessor(settings, "png")
    gap = (plain(images, CPU) - rounded(images, CPU)).abs().max().item()
    assert 0 < gap <= 0.5 / 255 + 1e-6
    assert torch.equal(rounded(images, CPU) * 255, (rounded(images, CPU) * 255).round())


def test_the_detector_gets_the_resized_image_out_of_the_encoder():
    settings = PreprocessingSettings(size=48)
    images = [tensor(picture(1)), tensor(picture(2, (70, 60))), tensor(picture(3))]
    given = Preprocessor(settings, "jpeg:60")(images, CPU)
    for image, found in zip(images, given, strict=True):
        alone = Preprocessor(settings)([image], CPU)[0]
        levels = (alone * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        stream = io.BytesIO()
        Image.fromarray(levels).save(stream, "JPEG", quality=60, subsampling=2)
        expected = tensor(Image.open(stream)).float() / 255
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_what_decides_the_label_alone_is_an_error_with_its_cure(manifest):
    found = {one.code: one for one in audit(manifest).errors}
    assert found.keys() == NUISANCES - {"quality-differs"}  # no PNG has one to compare
    assert "the file format alone tells real from fake with an AUC of 1.00" in str(found)
    assert all('reencode = "jpeg:75"' in one.advice for one in found.values())  # their own
    assert not any(one.fatal for one in found.values())


@pytest.mark.parametrize("reencode", ["jpeg:92", "png"])
def test_the_cure_brings_every_such_auc_to_one_half(manifest, reencode):
    found = audit(manifest, reencode=reencode)
    assert not NUISANCES & {one.code for one in found.findings}
    (note,) = (one for one in found.findings if one.code == "nuisance-auc")
    told = dict(text.rsplit(": ", 1) for text in note.examples)
    assert told.pop("overall, file-size")
    expected = {"overall, format", "overall, size", "overall, aspect"}
    expected |= {"overall, quality"} if reencode == "jpeg:92" else set()
    assert told == dict.fromkeys(expected, "0.50")


def test_a_property_that_mostly_tells_only_warns(manifest):
    """One fake in eight has the format and the size of the reals."""
    rows = list(manifest.rows)
    for number in range(1, 60, 8):
        file = rows[number].path.with_suffix(".jpg")
        picture(number, (90, 80)).save(file, quality=75)
        rows[number] = Row(file, rows[number].label, rows[number].split)
    found = audit(Manifest(manifest.root, tuple(rows)))
    assert not NUISANCES & {one.code for one in found.errors}
    assert {"format-differs"} <= {one.code for one in found.warnings}
