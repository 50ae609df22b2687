from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from mfclip.parts import BuildContext
from mfclip_corruptions.contrast import mean_level
from mfclip_corruptions.parts import Contrast

FACTORS = ("0.85", "0.725", "0.6", "0.475", "0.35")


@pytest.mark.parametrize("level", range(1, 6))
def test_about_black_every_value_is_multiplied(level):
    ramp = torch.arange(256).byte().expand(3, 1, 256)
    factor = Fraction(FACTORS[level - 1])
    wanted = [floor(factor * value + Fraction(1, 2)) for value in range(256)]
    got = Contrast().build(BuildContext())(ramp, level, 0)
    assert got.tolist() == [[wanted]] * 3


@pytest.mark.parametrize("level", range(1, 6))
def test_about_the_mean_it_is_pillows(photo, level):
    image = photo("face", 96)
    pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
    wanted = np.asarray(ImageEnhance.Contrast(pillow).enhance(float(FACTORS[level - 1])))
    got = Contrast(about="mean").build(BuildContext())(image, level, 0)
    apart = np.abs(got.permute(1, 2, 0).numpy().astype(int) - wanted)
    assert apart.max() <= 1
    assert apart.mean() < 0.6  # Pillow cuts where we round


def test_the_mean_stays_and_black_gets_darker(photo):
    image = photo("cat", 64)
    about = {
        name: Contrast(about=name).build(BuildContext())(image, 5, 0) for name in ("black", "mean")
    }
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    before, black, mean = (
        (weights * one).sum(0).mean().item() for one in (image, about["black"], about["mean"])
    )
    assert black == pytest.approx(0.35 * before, abs=0.5)
    assert mean == pytest.approx(before, abs=1)
    assert about["mean"].float().std().item() == pytest.approx(
        0.35 * image.float().std().item(), rel=0.02
    )


def test_mean_level_of_each_image():
    images = torch.tensor([10, 0, 255]).byte().view(3, 1, 1, 1).repeat(1, 3, 2, 2)
    images[0, :, 0] = 11  # a mean of 10.5
    assert mean_level(images).flatten().tolist() == [11, 0, 255]
