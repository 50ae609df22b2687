from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.feature import graycomatrix, graycoprops
from torch import nn

from mfclip.explain.texture import NOISE_WHITE, texture_reader
from mfclip.parts import BuildContext
from mfclip_vision.parts import SrmNoise

CPU = torch.device("cpu")


@pytest.fixture
def images():
    """Noise in one quarter, flat grey in another, ramps in the rest."""
    ramp = torch.linspace(0.2, 0.6, 64).expand(3, 64, 64)
    image = torch.stack([ramp, ramp.transpose(1, 2)]).clone()
    image[0, :, :32, 32:] = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    image[0, :, 32:, :32] = 0.5
    return image


def test_both_ends_are_those_of_the_matrix(images):
    encoder = SrmNoise(patch_size=32, channels=2, grid=1, dim=8, heads=1, mlp=8).build(
        BuildContext(image_size=64)
    )
    reader = texture_reader([("first", nn.Identity()), ("second", encoder)], 64, CPU)
    assert reader.owner == "second"
    richest, poorest = reader.ends(images)[0]
    assert richest.box == (32, 0, 64, 32)
    assert poorest.box == (0, 32, 32, 64)
    grey = (images[0].double().numpy().transpose(1, 2, 0) @ [0.2989, 0.587, 0.114] * 255).astype(
        np.uint8
    )
    for end in (richest, poorest):
        left, top, right, bottom = map(int, end.box)
        matrix = graycomatrix(
            grey[top:bottom, left:right], [1], [0], levels=256, symmetric=True, normed=True
        )
        assert end.homogeneity == pytest.approx(graycoprops(matrix, "homogeneity")[0, 0], abs=1e-4)


def test_noise_is_shown_on_one_scale(images):
    reader = texture_reader([], 64, CPU)
    assert reader.owner == ""
    richest, poorest = reader.ends(images)[0]
    assert poorest.noise_rms == pytest.approx(0, abs=1e-3)
    assert poorest.noise.max() == 0
    assert richest.noise_rms > NOISE_WHITE
    assert richest.noise.shape == richest.patch.shape == (32, 32, 3)
    assert richest.noise.max() == 255


def test_an_encoder_set_to_the_poorest_patch_shows_the_same_ends(images):
    parts = [
        SrmNoise(patch_size=32, channels=2, grid=1, dim=8, heads=1, mlp=8, choose=choose).build(
            BuildContext(image_size=64)
        )
        for choose in ("richest", "poorest")
    ]
    first, second = (texture_reader([("a", part)], 64, CPU).ends(images) for part in parts)
    assert [one.box for pair in first for one in pair] == [
        one.box for pair in second for one in pair
    ]
