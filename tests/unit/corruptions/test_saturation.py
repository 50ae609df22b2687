import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr, ycbcr2rgb

from mfclip.parts import BuildContext
from mfclip_corruptions.parts import Saturation
from mfclip_corruptions.saturation import saturate

SCALES = (0.4, 0.3, 0.2, 0.1, 0.0)


def judge(image, scale):
    """Through scikit-image's YCbCr, in floats."""
    converted = rgb2ycbcr(image.permute(1, 2, 0).numpy())
    converted[..., 1:] = 128 + scale * (converted[..., 1:] - 128)
    return 255 * ycbcr2rgb(converted).transpose(2, 0, 1)


@pytest.mark.parametrize("level", range(1, 6))
def test_chroma_is_scaled_about_grey(photo, static, level):
    corrupt = Saturation().build(BuildContext())
    for image in (photo("coffee", 64), static):
        apart = corrupt(image, level, 0).numpy() - judge(image, SCALES[level - 1])
        assert np.abs(apart).max() < 0.51  # rounding


def test_every_value_is_the_rounded_mean(static):
    red, green, blue = (channel.flatten().tolist() for channel in static)
    result = saturate(static[None], 3, [0])[0].flatten(1).T.tolist()
    for r, g, b, got in zip(red, green, blue, result, strict=True):
        grey = 7 * (299 * r + 587 * g + 114 * b)
        assert got == [(3000 * value + grey + 5000) // 10_000 for value in (r, g, b)]


def test_nothing_wraps_around():
    """A cast without clipping lets bright pixels turn dark; the noise image would show it."""
    random = torch.Generator().manual_seed(0)
    image = torch.randint(256, (1, 3, 200, 200), generator=random).byte()
    jump = saturate(image, 0, [0]).int() - image.int()
    between = (image.amin(1, keepdim=True) <= saturate(image, 0, [0])).all()
    assert between
    assert jump.abs().max() < 230  # the furthest that a channel can be from its pixel's grey


def test_grey_stays_and_level_five_is_grey(photo):
    grey = torch.arange(256).byte().expand(1, 3, 1, 256)
    for tenths in (0, 1, 4):
        assert torch.equal(saturate(grey, tenths, [0]), grey)
    pale = saturate(photo("coffee", 32)[None], 0, [0])
    assert torch.equal(pale[:, 0], pale[:, 1])
    assert torch.equal(pale[:, 0], pale[:, 2])
