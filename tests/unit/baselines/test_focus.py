"""FoCus: edges against scipy, proposals by hand, complementary streams, maps in their range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from torch.nn import functional

from mfclip.detector.outputs import Outputs, Targets
from mfclip.parts import BuildContext
from mfclip_baselines.focus import Focus as Network
from mfclip_baselines.focus import MapSparsity, Sobel, StreamLoss
from mfclip_baselines.schemas.focus import EDGES, MAP, RGB, Focus

LABEL = torch.tensor([0, 1, 1, 0])
TRUTH = Targets(LABEL, LABEL * 0 - 1)


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Focus(dim=24, depth=2, heads=2).build(BuildContext(image_size=64))


def test_two_streams_of_vit_s_and_two_projections():
    with torch.device("meta"):
        network = Focus().build(BuildContext())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 2 * (21_665_664 + 2 * 384 + 2)  # ViT-S/16 without classes


def test_edges_are_those_of_scipy(images):
    ours = Sobel()(images).numpy()
    for b, c in np.ndindex(4, 3):
        plane = images[b, c].double().numpy()
        both = (sobel(plane, axis, mode="nearest") for axis in (0, 1))
        np.testing.assert_allclose(ours[b, c], np.hypot(*both) / 4, atol=1e-5)


def test_flat_images_have_finite_gradients():
    images = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    Sobel()(images).sum().backward()
    assert images.grad.isfinite().all()


def test_logits_are_the_maps_weighted_by_attention(network, images):
    stream = network.eval().rgb
    net = stream.network
    with torch.no_grad():
        net.blocks[1].attn.qkv.weight.mul_(20)  # fresh, all heads look nearly everywhere alike
        logits, changed = stream(images)
        tokens = net._pos_embed(net.patch_embed(stream.normalise(images)))
        before = net.blocks[0](tokens)
        block = net.blocks[1]
        qkv = block.attn.qkv(block.norm1(before)).unflatten(2, (3, 2, 12))
        query, key, _ = qkv.permute(2, 0, 3, 1, 4)
        scores = torch.einsum("bhd,bhpd->bhp", query[:, :, 0], key[:, :, 1:]) / 12**0.5
        attention = scores.softmax(-1).mean(1)
        features = net.forward_features(stream.normalise(images))[:, 1:]
        weight, bias = stream.propose.weight[:, :, 0, 0], stream.propose.bias
        places = features @ weight.T + bias
        assert attention.max() > 3 / attention.shape[1]
        torch.testing.assert_close(logits, torch.einsum("bp,bpk->bk", attention, places))
        fake = places.softmax(-1)[:, :, 1]
        torch.testing.assert_close(changed.flatten(1), fake)


def test_what_one_stream_found_is_hidden_from_the_other(network, images):
    network.eval()
    outputs = network(images)
    _, first = network.rgb(images)
    seen = network.edges(network.sobel(images), hidden=first)
    torch.testing.assert_close(outputs.extra[EDGES], seen[0])
    torch.testing.assert_close(outputs.extra[MAP], torch.maximum(first, seen[1]))
    nothing, _ = network.edges(network.sobel(images), hidden=torch.ones_like(first))
    torch.testing.assert_close(nothing, network.edges.propose.bias.expand(4, 2))


def test_hiding_teaches_the_first_stream_nothing(network, images):
    found = torch.autograd.grad(
        network(images).extra[EDGES].sum(), list(network.rgb.parameters()), allow_unused=True
    )
    assert all(gradient is None for gradient in found)


def test_the_map_is_one_an_image_from_0_to_1(network, images):
    changed = network.eval()(images).extra[MAP]
    assert changed.shape == (4, 1, 4, 4)
    assert changed.min() >= 0
    assert changed.max() <= 1
    torch.testing.assert_close(network(images[1:2]).extra[MAP], changed[1:2])


def test_losses_are_means_by_hand():
    torch.manual_seed(0)
    rgb, edges, maps = torch.randn(4, 2), torch.randn(4, 2), torch.rand(4, 1, 3, 3)
    outputs = Outputs(rgb * 0, extra={RGB: rgb, EDGES: edges, MAP: maps})
    by_hand = sum(-functional.log_softmax(one, 1)[range(4), LABEL].mean() for one in (rgb, edges))
    torch.testing.assert_close(StreamLoss()(outputs, TRUTH), by_hand)
    torch.testing.assert_close(MapSparsity()(outputs, TRUTH), maps[[0, 3]].mean())
    fakes = Targets(LABEL * 0 + 1, TRUTH.prompt)
    assert MapSparsity()(outputs, fakes) == 0


@pytest.mark.parametrize("loss", [StreamLoss(), MapSparsity()])
def test_every_term_teaches_both_streams(network, images, loss):
    loss(network.train()(images), TRUTH).backward()
    for stream in (network.rgb, network.edges):
        assert stream.propose.weight.grad.any()
        assert stream.network.blocks[0].attn.qkv.weight.grad.any()
