from itertools import pairwise

import pytest
import torch
from torch import nn

from mfclip.detector.protocols import ShowsPatches
from mfclip.parts import BuildContext
from mfclip_vision.noise import noise_backbone
from mfclip_vision.parts import SrmNoise
from mfclip_vision.patches import select_patches
from mfclip_vision.srm import SrmResidual


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("grid", [8, 28])
@pytest.mark.parametrize("patch_size", [16, 28, 32, 56, 112, 224])
def test_local_embeddings_have_one_size_for_every_patch(patch_size, grid):
    backbone = noise_backbone(3, 4, patch_size, grid)
    assert backbone(torch.zeros(1, 3, patch_size, patch_size)).shape == (1, 4, grid, grid)


def test_the_map_is_not_halved_below_the_grid():
    def halvings(patch_size: int, grid: int) -> int:
        layers = noise_backbone(3, 64, patch_size, grid)
        return sum(isinstance(layer, nn.AvgPool2d) for layer in layers)

    assert [halvings(p, 8) for p in (8, 16, 28, 32, 112, 224)] == [0, 1, 1, 2, 2, 2]
    assert [halvings(p, 28) for p in (28, 56, 112)] == [0, 1, 2]


def test_parameters_by_hand():
    with torch.device("meta"):
        encoder = SrmNoise().build(BuildContext())
    channels = [3, 32, 32, 64, 64, 64, 64]
    convolutions = sum(9 * a * b for a, b in pairwise(channels))
    norms = 2 * sum(channels[1:])
    projection = 64 * 8 * 8 * 512 + 512
    block = 4 * 512 * 512 + 512 + 2 * 512 * 512 + 512 + 512 + 4 * 512
    expected = convolutions + norms + projection + 3 * block + 3 * 512
    assert parameters(encoder) == expected == 6_968_288


def test_a_wider_grid_costs_the_published_projection():
    with torch.device("meta"):
        encoder = SrmNoise(grid=28).build(BuildContext())
    assert parameters(encoder.project) == 64 * 28 * 28 * 512 + 512  # 25.7 M


def test_positions_are_two_and_per_token(small_noise, context):
    assert small_noise.build(context).transformer.position.shape == (1, 2, 16)


@pytest.mark.parametrize("choose", ["richest", "poorest"])
@pytest.mark.parametrize("filters", ["srm3", "srm30"])
def test_shows_what_it_reads(choose, filters, small_noise, context, draw_images):
    part = small_noise.model_copy(update={"choose": choose, "filters": filters, "truncate": 4.0})
    encoder = part.build(context)
    assert isinstance(encoder, ShowsPatches)
    images = draw_images(4, 64)
    view = encoder.richest_patch(images)
    box, patch = select_patches(images, 32, choose)
    assert torch.equal(view.box, box)
    assert torch.equal(view.patch, patch)
    assert torch.equal(view.noise, SrmResidual(filters, 4.0)(patch))
    seen = []
    encoder.cnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder(images)
    assert torch.equal(seen[0], view.noise)


def test_richest_and_poorest_differ(small_noise, context, draw_images):
    images = draw_images(8, 64)
    poorest = small_noise.model_copy(update={"choose": "poorest"}).build(context)
    richest = small_noise.build(context)
    assert (richest.richest_patch(images).box != poorest.richest_patch(images).box).any()


def test_autocast_does_not_touch_the_residual(small_noise, context, draw_images):
    encoder, images = small_noise.build(context), draw_images(4, 64)
    expected = encoder.richest_patch(images)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = encoder.richest_patch(images)
    assert torch.equal(reduced.noise, expected.noise)
    assert torch.equal(reduced.box, expected.box)
