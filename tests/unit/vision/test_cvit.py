from itertools import pairwise

import pytest
import torch
from torch import nn

from mfclip.errors import UsageError
from mfclip.parts import BuildContext
from mfclip_vision.cvit import IMAGENET_MEAN, IMAGENET_STD
from mfclip_vision.parts import Cvit

CHANNELS = [3, *[32] * 3, *[64] * 3, *[128] * 3, *[256] * 4, *[512] * 4]


@pytest.fixture(scope="module")
def published() -> nn.Module:
    """With the paper's settings; on the meta device, where weights cost nothing."""
    with torch.device("meta"):
        return Cvit().build(BuildContext())


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_by_hand(published):
    convolutions = sum(9 * a * b for a, b in pairwise(CHANNELS))
    norms = 2 * sum(CHANNELS[1:])
    projection = 7 * 7 * 512 * 512 + 512
    attention = 4 * 512 * 512 + 512
    mlp = 2 * 512 * 2048 + 2048 + 512
    blocks = 6 * (attention + mlp + 4 * 512)
    tokens = 512 + 2 * 512
    assert convolutions + norms == parameters(published.cnn) == 10_809_504
    assert convolutions + norms + projection + blocks + tokens == parameters(published)
    assert parameters(published) == 42_561_696


def test_published_count_is_ours_with_head_unused_positions_and_biases(published):
    head = 512 * 2048 + 2048 + 2048 * 2 + 2
    unused_positions = (32 * 32 + 1 - 2) * 512
    biases_before_batch_norm = sum(CHANNELS[1:])
    total = parameters(published) + head + unused_positions + biases_before_batch_norm
    assert round(total / 1e6, 2) == 44.14


def test_seventeen_convolutions_each_beside_its_batch_norm(published):
    layers = list(published.cnn)
    found = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    assert len(found) == 17
    assert [layers[i].out_channels for i in found] == CHANNELS[1:]
    assert all(isinstance(layers[i + 1], nn.BatchNorm2d) for i in found)
    assert all(isinstance(layers[i + 2], nn.ReLU) for i in found)


def test_the_last_map_is_seven_by_seven():
    encoder = Cvit(channels=(2,) * 5).build(BuildContext())
    assert encoder.cnn(torch.zeros(1, 3, 224, 224)).shape == (1, 2, 7, 7)


def test_images_are_normalised_as_imagenets(small_cvit, context):
    encoder = small_cvit.build(context).eval()
    encoder.cnn = nn.Sequential(Keep(), *encoder.cnn)
    encoder(torch.full((1, 3, 64, 64), 0.5))
    expected = [(0.5 - m) / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    torch.testing.assert_close(encoder.cnn[0].seen[0, :, 5, 7], torch.tensor(expected))


class Keep(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return x


def test_normalisation_is_not_in_the_state_dict(small_cvit, context):
    assert not {"mean", "std"} & set(small_cvit.build(context).state_dict())


def test_images_of_another_size_are_refused(small_cvit, context):
    with pytest.raises(UsageError, match="built for images of 64x64 pixels, got 32x64"):
        small_cvit.build(context)(torch.zeros(1, 3, 32, 64))


@pytest.mark.parametrize("size", [32, 96])
def test_other_image_sizes_end_as_one_token(size, small_cvit):
    encoder = small_cvit.build(BuildContext(image_size=size))
    assert encoder.project.in_features == 8 * (size // 8) ** 2
    assert encoder(torch.rand(2, 3, size, size)).shape == (2, 16)
