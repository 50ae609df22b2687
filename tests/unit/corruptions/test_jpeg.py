import io

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_corruptions.jpeg import jpeg_bytes
from mfclip_corruptions.parts import Jpeg

FIRST_ROW = (16, 11, 10, 16, 24, 40, 51, 61)
"""Of the luma table in annex K of the JPEG standard."""


@pytest.mark.parametrize(("level", "quality"), [(1, 80), (2, 60), (3, 40), (4, 20), (5, 10)])
def test_a_true_jpeg_of_the_quality(photo, level, quality):
    image = photo("face", 64)
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    wanted = np.asarray(Image.open(file))
    got = Jpeg().build(BuildContext())(image, level, 0)
    assert np.array_equal(got.permute(1, 2, 0).numpy(), wanted)


@pytest.mark.parametrize("quality", [80, 40, 10])
def test_quantised_by_the_standards_table(photo, quality):
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    wanted = [min(255, max(1, (entry * scale + 50) // 100)) for entry in FIRST_ROW]
    file = Image.open(io.BytesIO(jpeg_bytes(photo("cat", 32), quality)))
    assert file.format == "JPEG"
    assert list(file.quantization[0][:8]) == wanted


@pytest.mark.parametrize(("subsampling", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_colour_samples(photo, subsampling, code):
    file = Image.open(io.BytesIO(jpeg_bytes(photo("cat", 32), 80, subsampling)))
    assert JpegImagePlugin.get_sampling(file) == code


def test_subsampling_is_passed_on(photo):
    image = photo("coffee", 64)
    results = [Jpeg(subsampling=s).build(BuildContext())(image, 1, 0) for s in ("4:4:4", "4:2:0")]
    assert not torch.equal(*results)


@pytest.mark.parametrize("qualities", [(80, 60, 60, 20, 10), (10, 20, 30, 40, 50)])
def test_qualities_that_do_not_fall(qualities):
    with pytest.raises(ValidationError, match="each level is worse than the one before"):
        Jpeg(qualities=qualities)


@pytest.mark.parametrize("qualities", [(80, 60), (96, 60, 40, 20, 10), (80, 60, 40, 20, 0)])
def test_qualities_that_are_none(qualities):
    with pytest.raises(ValidationError, match="qualities"):
        Jpeg(qualities=qualities)
