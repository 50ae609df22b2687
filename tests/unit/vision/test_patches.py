import numpy as np
import pytest
import torch

from mfclip.errors import UsageError
from mfclip_vision.patches import choose_patches, select_patches

GRIDS = {16: (80, 64), 28: (60, 112), 32: (60, 128), 56: (60, 224), 112: (60, 224), 224: (12, 448)}
"""Patch size -> how many images, of what size."""


def noise_at(box: tuple[int, int, int, int], size: int = 64) -> torch.Tensor:
    """A grey image whose only texture is inside ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    image = torch.full((1, 3, size, size), 0.5)
    texture = torch.rand(bottom - top, right - left, generator=torch.Generator().manual_seed(0))
    image[..., top:bottom, left:right] = texture
    return image


@pytest.mark.parametrize("patch_size", GRIDS)
def test_chooses_what_scikit_image_chooses(patch_size, draw_images, scikit_homogeneity):
    count, size = GRIDS[patch_size]
    images = draw_images(count, size, seed=patch_size)
    scores = scikit_homogeneity(images, patch_size)
    for choice, best in (("richest", scores.min(1)), ("poorest", scores.max(1))):
        # Equal patches may differ by a rounding of the judge: the first of them is right.
        expected = (np.abs(scores - best[:, None]) < 1e-12).argmax(1)
        assert np.array_equal(choose_patches(images, patch_size, choice), expected)


def test_the_box_is_where_the_texture_is():
    box, patch = select_patches(noise_at((48, 16, 64, 32)), 16)
    assert box.tolist() == [[48, 16, 64, 32]]
    assert torch.equal(patch, noise_at((48, 16, 64, 32))[..., 16:32, 48:64])


def test_transposing_the_image_transposes_the_box():
    image = noise_at((48, 16, 64, 32)).mT
    box, patch = select_patches(image, 16)
    assert box.tolist() == [[16, 48, 32, 64]]
    assert torch.equal(patch, image[..., 48:64, 16:32])


def test_images_need_not_be_square():
    image = noise_at((48, 16, 64, 32))[..., :32, :]
    assert select_patches(image, 16).box.tolist() == [[48, 16, 64, 32]]


def stripes(channel: int, place: int) -> torch.Tensor:
    """Faint vertical stripes in one channel of patch ``place`` of four."""
    image = torch.zeros(1, 3, 16, 64)
    image[0, channel, :, 16 * place : 16 * (place + 1) : 2] = 40 / 255
    return image


@pytest.mark.parametrize(("stronger", "weaker"), [(1, 0), (0, 2), (1, 2)])
def test_green_outweighs_red_and_red_blue(stronger, weaker):
    image = stripes(weaker, 0) + stripes(stronger, 2)
    assert choose_patches(image, 16).item() == 2


def test_equal_patches_first_one_wins(draw_images):
    patch = draw_images(2, 16)[:1]
    image = patch.repeat(1, 1, 3, 3)
    assert choose_patches(image, 16, "richest").item() == 0
    assert choose_patches(image, 16, "poorest").item() == 0
    image[..., :16, :] = 0  # the flat first row is out for the richest, and first for the poorest
    assert choose_patches(image, 16, "richest").item() == 3
    image[..., :16, :16] = patch
    assert choose_patches(image, 16, "poorest").item() == 1


def test_mirrored_patches_are_equal(draw_images):
    """The same pixel pairs in another order add up to the same score, not nearly the same."""
    patch = draw_images(2, 112)[1:]
    image = torch.cat([patch.flip(3), patch, patch.flip(2)], dim=3)
    assert choose_patches(image, 112).item() == 0
    assert choose_patches(image.flip(3), 112).item() == 0


def test_autocast_does_not_change_the_choice(draw_images):
    images = draw_images(20, 64)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = choose_patches(images, 16)
    assert torch.equal(reduced, choose_patches(images, 16))


def test_threads_do_not_change_the_choice(draw_images):
    images = draw_images(8, 112)
    before = torch.get_num_threads()
    choices = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        choices.append(choose_patches(images, 28))
    torch.set_num_threads(before)
    assert torch.equal(*choices)


def test_a_choice_does_not_depend_on_the_batch(draw_images):
    images = draw_images(10, 64)
    alone = torch.cat([choose_patches(image[None], 16) for image in images])
    assert torch.equal(choose_patches(images, 16), alone)
    assert torch.equal(choose_patches(images.flip(0), 16), alone.flip(0))


def test_gradients_reach_the_pixels_of_the_chosen_patch():
    image = noise_at((48, 16, 64, 32)).requires_grad_()
    select_patches(image, 16).patch.sum().backward()
    expected = torch.zeros_like(image)
    expected[..., 16:32, 48:64] = 1
    assert torch.equal(image.grad, expected)


def test_a_patch_that_does_not_divide_the_image_is_refused():
    with pytest.raises(UsageError, match="patches of 24 pixels do not divide images of 64x64"):
        select_patches(torch.zeros(1, 3, 64, 64), 24)
