from fractions import Fraction
from math import floor

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr, ycbcr2rgb

from mfclip_corruptions.colour import (
    FROM_SCALE,
    FROM_YCBCR,
    TO_SCALE,
    TO_YCBCR,
    brightness,
    divided,
    mix,
)


def channels_last(image):
    return image.squeeze(0).permute(1, 2, 0).double().numpy()


def test_to_ycbcr_is_scikit_images(static):
    ours = channels_last(mix(static[None].int(), TO_YCBCR)) / TO_SCALE + (16, 128, 128)
    assert np.abs(ours - rgb2ycbcr(channels_last(static).astype("uint8"))).max() < 1e-9


def test_from_ycbcr_is_scikit_images(static):
    values = channels_last(static)
    centred = (static[None].int() - torch.tensor([16, 128, 128]).view(3, 1, 1)).int()
    ours = channels_last(mix(centred, FROM_YCBCR)) / FROM_SCALE
    assert np.abs(ours - 255 * ycbcr2rgb(values)).max() < 0.01


def test_grey_has_no_colour():
    assert [sum(row) for row in TO_YCBCR] == [219_000, 0, 0]


def test_brightness_of_grey_is_its_level():
    grey = torch.arange(256).byte().expand(1, 3, 1, 256)
    assert torch.equal(brightness(grey)[0, 0, 0], torch.arange(256).int() * 1000)


@given(st.integers(-(2**50), 2**50), st.integers(1, 2**31))
def test_division_rounds_halves_up(numerator, half):
    exact = floor(Fraction(numerator, 2 * half) + Fraction(1, 2))
    assert divided(torch.tensor([numerator]), 2 * half).item() == exact
    tie = (2 * (numerator // (2 * half)) + 1) * half
    assert divided(torch.tensor([tie]), 2 * half).item() == numerator // (2 * half) + 1
