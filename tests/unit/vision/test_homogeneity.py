import numpy as np
import pytest
import torch

from mfclip_vision.grey import grey_levels
from mfclip_vision.homogeneity import (
    homogeneity,
    homogeneity_sums,
    least_homogeneous,
    pair_of_equals,
)


@pytest.mark.parametrize("patch_size", [16, 28, 32, 56, 112, 224])
def test_equals_scikit_image(patch_size, draw_images, scikit_homogeneity):
    images = draw_images(4, 224)[:, :, : patch_size * max(1, 64 // patch_size)]
    ours = homogeneity(images, patch_size).flatten(1).numpy()
    np.testing.assert_allclose(ours, scikit_homogeneity(images, patch_size), rtol=0, atol=1e-6)


def test_flat_patches_score_one():
    torch.testing.assert_close(
        homogeneity(torch.full((1, 3, 32, 48), 0.3), 16), torch.ones(1, 2, 3).double()
    )


def test_pairs_across_a_border_do_not_count():
    """Two flat patches side by side: the step between them belongs to neither."""
    image = torch.zeros(1, 3, 16, 32)
    image[..., 16:] = 1
    assert homogeneity(image, 16).tolist() == [[[1.0, 1.0]]]


def test_neighbours_are_horizontal():
    """Rows of different grey, each one even: no horizontal difference anywhere."""
    image = torch.linspace(0, 1, 16).view(1, 1, 16, 1).expand(1, 3, 16, 16)
    assert homogeneity(image, 16).item() == 1
    assert homogeneity(image.mT, 16).item() < 0.1


def test_one_difference_weighs_as_the_formula_says():
    levels = torch.zeros(1, 16, 16, dtype=torch.int16)
    levels[0, 3, 15] = 3  # one pair of 16 * 15 differs, by 3
    expected = (16 * 15 - 1 + 1 / 10) / (16 * 15)
    ours = homogeneity_sums(levels, 16).item() / (pair_of_equals(16) * 16 * 15)
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("patch_size", [8, 16, 127, 128, 224, 2048])
def test_a_column_of_equal_pixels_fits_into_32_bits(patch_size):
    assert pair_of_equals(patch_size) * patch_size < 2**31
    levels = torch.zeros(1, patch_size, patch_size, dtype=torch.int16)
    total = pair_of_equals(patch_size) * patch_size * (patch_size - 1)
    assert homogeneity_sums(levels, patch_size).item() == total


@pytest.mark.parametrize(("patch_size", "size"), [(8, 64), (16, 224), (32, 64), (112, 224)])
@pytest.mark.parametrize("cells", [3, 8, 0])
def test_the_least_is_found_in_32_bits_as_in_64(patch_size, size, cells):
    draw = torch.Generator().manual_seed(cells)
    coarse = torch.rand(20, 3, cells or size, cells or size, generator=draw)
    images = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    images[1] = 0.25  # all patches equal
    images[2, ..., size // 2 :] = images[2, ..., : size // 2].clone()  # the first of two wins
    levels = grey_levels(images)
    sums = homogeneity_sums(levels, patch_size).flatten(1)
    if cells == 3 and patch_size >= 16:
        assert sums.max() > 2**31
    assert torch.equal(least_homogeneous(levels, patch_size), sums.argmin(1))
    assert torch.equal(least_homogeneous(levels, patch_size, -1), sums.argmax(1))
