"""Two-Stream against SciPy's correlation, attention written out, and timm's Xception."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from scipy.signal import correlate2d
from torch import Tensor, nn

from mfclip.parts import BuildContext
from mfclip_baselines.schemas.two_stream import TwoStream
from mfclip_baselines.two_stream import (
    DIVISORS,
    KERNELS,
    DualAttention,
    Fusion,
    Residual,
    SpatialGuide,
    Stream,
    middle_side,
)

XCEPTION = 20_806_952
"""Parameters of timm's Xception without its classifier."""


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(4))


def correlated(channel: np.ndarray, number: int) -> np.ndarray:
    kernel = np.array(KERNELS[number]) / DIVISORS[number]
    return correlate2d(channel, kernel, mode="same")


def test_residuals_of_pixels_are_those_of_scipy():
    x = 3 * drawn(2, 3, 9, 11)
    found = Residual(3, together=True)(x)
    for image, made in zip(x.double().numpy(), found, strict=True):
        for number in range(3):
            expected = sum(correlated(channel, number) for channel in image)
            np.testing.assert_allclose(made[number], expected.clip(-3, 3), atol=1e-5)


def test_every_channel_of_features_passes_all_three_kernels():
    x = 0.1 * drawn(1, 4, 8, 8)
    found = Residual(4, together=False)(x)
    assert found.shape == (1, 12, 8, 8)
    for place in range(12):
        expected = correlated(x[0, place // 3].double().numpy(), place % 3)
        np.testing.assert_allclose(found[0, place], expected, atol=1e-6)


def test_smooth_shades_leave_nothing():
    ramp = torch.arange(12.0).expand(1, 3, 12, 12)
    inside = Residual(3, together=True)(ramp)[..., 2:-2, 2:-2]
    assert inside.abs().max() < 1e-5


@pytest.mark.parametrize("size", [64, 128, 255, 256, 299])
def test_the_middle_of_an_xception_has_this_side(size):
    with torch.device("meta"):
        stream = Stream(None)
        made = stream.entry(stream.second(stream.first(torch.empty(1, 3, size, size))))
    assert made.shape == (1, 728, middle_side(size), middle_side(size))


def test_a_stream_is_the_xception_of_timm(images):
    stream = Stream(None).eval()
    theirs = timm.create_model("legacy_xception", num_classes=0).eval()
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), stream.state_dict().values(), strict=True))
    )
    x = stream.exit(stream.middle(stream.entry(stream.second(stream.first(images)))))
    torch.testing.assert_close(x.relu(), theirs.forward_features(images))


def test_dual_attention_written_out():
    layer, (x, y) = DualAttention(16, 6), drawn(2, 2, 16, 2, 3)
    with torch.no_grad():
        layer.gates.copy_(torch.tensor([0.5, -2.0]))
        for weights in layer.parameters():
            weights.add_(0.1 * drawn(*weights.shape))
    keys = [
        layer.shared(key(maps)).flatten(2) for key, maps in zip(layer.keys, (x, y), strict=True)
    ]
    alike = torch.einsum("bci,bcj->bij", *keys)
    x_reads = layer.places[0](alike).softmax(-1)
    y_reads = layer.places[1](torch.einsum("bij->bji", alike)).softmax(-1)
    seen_by_x = torch.einsum("bij,bcj->bci", x_reads, layer.values[1](y).flatten(2))
    seen_by_y = torch.einsum("bji,bci->bcj", y_reads, layer.values[0](x).flatten(2))
    new_x, new_y = layer(x, y)
    torch.testing.assert_close(new_x, x + layer.gates[0] * seen_by_x.view_as(x))
    torch.testing.assert_close(new_y, y + layer.gates[1] * seen_by_y.view_as(y))


def test_gates_begin_at_zero_and_learn():
    layer, (x, y) = DualAttention(16, 6), drawn(2, 2, 16, 2, 3)
    new_x, new_y = layer(x, y)
    assert torch.equal(new_x, x)
    assert torch.equal(new_y, y)
    (new_x.square().sum() + new_y.square().sum()).backward()
    assert layer.gates.grad.all()


def test_the_guide_is_a_map_between_0_and_1_over_the_early_features(images):
    guide = SpatialGuide().eval()
    found = guide.attention(images)
    assert found.shape == (4, 1, 29, 29)
    assert 0 < found.min() <= found.max() < 1
    assert found.std() > 1e-3, "it tells places apart"
    torch.testing.assert_close(guide.attention(images[:1]), found[:1])
    x = drawn(4, 64, 29, 29)
    torch.testing.assert_close(guide(x, images), guide.after(x * (1 + found)))


def test_fusion_weighs_channels():
    fusion, (x, y) = Fusion(32).eval(), drawn(2, 3, 32, 4, 4)
    mixed = fusion.mix(torch.cat([x, y], 1))
    pooled = [
        fusion.weigh(values[..., None, None]) for values in (mixed.mean((2, 3)), mixed.amax((2, 3)))
    ]
    torch.testing.assert_close(fusion(x, y), mixed * (1 + sum(pooled).sigmoid()))


def test_the_size_of_all_parts():
    with torch.device("meta"):
        network = TwoStream().build(BuildContext(image_size=256))
    attention = 2 * (728 * 91 + 91) + 91 * 91 + 91 + 2 * (256**2 + 256) + 2 * (728**2 + 728) + 2
    residuals = 3 * 32**2 + 2 * 32 + 3 * 64**2 + 2 * 64
    guide = 9 * 3 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + 98 + 2 * 64
    fusion = 4096 * 2048 + 2 * 2048 + 2 * 2048 * 128
    expected = 2 * XCEPTION + 2 * attention + residuals + guide + fusion + 2 * 2048 + 2
    assert sum(value.numel() for value in network.parameters()) == expected


def test_both_streams_learn(images):
    network = TwoStream().build(BuildContext(image_size=64)).train()
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1])).backward()
    waiting = ("attentions.0.", "attentions.1.")  # behind gates of zero
    for name, value in network.named_parameters():
        learns = value.grad is not None and bool(value.grad.any())
        assert learns or name.startswith(waiting), name


def test_images_that_are_too_small_are_told():
    (misfit,) = TwoStream().misfits(BuildContext(image_size=24))
    assert "got 24" in misfit.message
