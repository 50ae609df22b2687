import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr, ycbcr2rgb

from mfclip.parts import BuildContext
from mfclip_corruptions.levels import randomness
from mfclip_corruptions.parts import Noise

VARIANCES = (0.001, 0.002, 0.005, 0.01, 0.05)
MEASURED = ((12, 19), (17, 27), (27, 42), (38, 58), (75, 93))
"""Standard deviations on mid-grey of the original's least and most noisy channel, by level."""


@pytest.fixture(scope="module")
def add():
    return Noise().build(BuildContext())


@pytest.mark.parametrize("level", range(1, 6))
def test_through_scikit_images_ycbcr(add, photo, static, level):
    for image in (photo("face", 64), static):
        noise = torch.randn(image.shape, generator=randomness(7)).permute(1, 2, 0).double().numpy()
        converted = rgb2ycbcr(image.permute(1, 2, 0).numpy()) / 255
        converted += VARIANCES[level - 1] ** 0.5 * noise
        wanted = np.clip(255 * ycbcr2rgb(255 * converted), 0, 255).transpose(2, 0, 1)
        assert np.abs(add(image, level, 7).numpy() - wanted).max() < 0.52  # rounding


@pytest.mark.parametrize("level", range(1, 6))
def test_as_strong_as_measured_of_the_original(add, level):
    grey = torch.full((3, 256, 256), 128, dtype=torch.uint8)
    result = add(grey, level, 0).double()
    spread = sorted(result.flatten(1).std(1).tolist())
    least, most = MEASURED[level - 1]
    assert spread[0] == pytest.approx(least, abs=1)
    assert spread[2] == pytest.approx(most, abs=1)
    assert result.mean() == pytest.approx(128, abs=0.6)


def test_pixels_are_independent_and_channels_are_not(add):
    grey = torch.full((3, 256, 256), 128, dtype=torch.uint8)
    noise = (add(grey, 1, 0).double() - 128).numpy()
    neighbours = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.02
    to_rgb = 255 * np.linalg.inv(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112], [112, -93.786, -18.214]]
    )
    wanted = 255**2 * 0.001 * to_rgb @ to_rgb.T
    assert np.abs(np.cov(noise.reshape(3, -1)) - wanted).max() < 0.02 * wanted.max()


def test_levels_of_one_seed_share_the_pattern(add):
    grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    weak, strong = ((add(grey, level, 3).double() - 128).flatten().numpy() for level in (1, 4))
    assert np.corrcoef(weak, strong)[0, 1] > 0.99
    other = (add(grey, 1, 4).double() - 128).flatten().numpy()
    assert abs(np.corrcoef(weak, other)[0, 1]) < 0.05
