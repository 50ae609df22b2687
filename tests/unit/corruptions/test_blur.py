import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from mfclip.parts import BuildContext
from mfclip_corruptions.blur import UNIT, blur, gaussian_kernel, mirrored
from mfclip_corruptions.parts import Blur

TAPS = (7, 9, 13, 17, 21)


@pytest.mark.parametrize("taps", TAPS)
def test_kernel(taps):
    weights = np.array(gaussian_kernel(taps))
    place = np.arange(taps) - taps // 2
    curve = np.exp(-((place / (taps / 6)) ** 2) / 2)
    assert weights.sum() == UNIT
    assert (weights == weights[::-1]).all()
    assert np.abs(weights / UNIT - curve / curve.sum()).max() < taps / UNIT


@pytest.mark.parametrize("level", range(1, 6))
def test_it_is_scipys_gaussian(photo, static, level):
    taps = TAPS[level - 1]
    corrupt = Blur().build(BuildContext())
    for image in (photo("cat", 64), static, static[:, :4, :3]):
        wanted = image.double().numpy()
        for axis in (1, 2):
            wanted = gaussian_filter1d(wanted, taps / 6, axis, mode="mirror", radius=taps // 2)
        assert np.abs(corrupt(image, level, 0).numpy() - wanted).max() < 0.55  # rounding


def test_every_value_in_whole_numbers():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (6, 11))
    weights = gaussian_kernel(7)
    padded = np.pad(image, 3, mode="reflect")
    got = blur(torch.from_numpy(image).byte().expand(1, 3, 6, 11), 7, [0])[0, 0]
    for row, column in np.ndindex(image.shape):
        total = sum(
            int(padded[row + i, column + j]) * weights[i] * weights[j]
            for i in range(7)
            for j in range(7)
        )
        assert got[row, column].item() == (total + UNIT**2 // 2) // UNIT**2


@pytest.mark.parametrize("length", [1, 2, 3, 9])
def test_mirrored_as_numpy_pads(length):
    padded = np.pad(np.arange(length), 12, mode="reflect")
    assert mirrored(torch.arange(-12, length + 12), length).tolist() == padded.tolist()


def test_flat_images_stay():
    for value in (0, 1, 127, 255):
        image = torch.full((1, 3, 9, 9), value, dtype=torch.uint8)
        assert torch.equal(blur(image, 21, [0]), image)
