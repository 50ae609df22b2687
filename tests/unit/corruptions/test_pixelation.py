from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from skimage.transform import resize as skimage_resize
from torch.nn import functional

from mfclip.parts import BuildContext
from mfclip_corruptions.parts import Pixelation
from mfclip_corruptions.pixelation import resize

FACTORS = (2, 3, 4, 5, 6)


def by_torch(image, size):
    pixels = functional.interpolate(image[None].double(), size, mode="bilinear")
    return (pixels[0] + 0.5 + 1e-9).floor()


@pytest.mark.parametrize("level", range(1, 6))
def test_two_bilinear_resizes(photo, static, level):
    corrupt = Pixelation().build(BuildContext())
    for image in (photo("face", 101), static):
        height, width = image.shape[-2:]
        factor = FACTORS[level - 1]
        small = by_torch(image, (height // factor, width // factor))
        wanted = by_torch(small, (height, width))
        apart = (corrupt(image, level, 0) - wanted).abs()
        assert apart.max() <= 1
        assert (apart > 0).float().mean() < 0.001  # ties, where floats lie beside the half


@pytest.mark.parametrize("size", [(20, 26), (13, 17), (80, 99)])
def test_it_is_scikit_images(static, size):
    pixels = static.permute(1, 2, 0).double().numpy()
    wanted = skimage_resize(pixels, size, order=1, mode="edge", anti_aliasing=False)
    got = resize(static[None], *size)[0].permute(1, 2, 0).numpy()
    assert np.abs(got - wanted).max() < 0.5 + 1e-6


def test_every_value_exactly():
    values = [13, 200, 7, 90, 255, 0, 31]
    row = torch.tensor(values).byte().expand(1, 3, 1, 7)
    for size in (1, 2, 3, 5, 16):
        wanted = []
        for place in range(size):
            at = (Fraction(2 * place + 1, 2)) * 7 / size - Fraction(1, 2)
            left, share = floor(at), at - floor(at)
            near, far = (values[min(max(i, 0), 6)] for i in (left, left + 1))
            wanted.append(floor(near * (1 - share) + far * share + Fraction(1, 2)))
        assert resize(row, 1, size)[0, 0, 0].tolist() == wanted


def test_images_smaller_than_the_factor(static):
    tiny = static[:, :3, :4]
    result = Pixelation().build(BuildContext())(tiny, 5, 0)
    assert (result == result[:, :1, :1]).all()
