"""RECCE: its published size, its graph and losses against loops in float64, its gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.recce import Bipartite, FloodedCrossEntropy, Metric, Reconstruction, cosines
from mfclip_baselines.schemas.recce import COSINES, RESIDUAL, Recce
from mfclip_baselines.slim import xception

SMALL = Recce(share=0.1)
PUBLISHED = 25_830_509
"""Parameters of the public code, counted. 2,049,000 are Xception's classifier of ImageNet, which it
never runs; and it has one logit where we have two."""


def truth(label: list[int]) -> Targets:
    labels = torch.tensor(label)
    return Targets(labels, torch.full_like(labels, -1))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SMALL.build(BuildContext(image_size=64))


def test_as_large_as_published():
    with torch.device("meta"):
        network = Recce().build(BuildContext())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == PUBLISHED - (2048 * 1000 + 1000) + (2048 + 1)


def test_a_share_of_one_is_timms_network_and_a_share_keeps_its_layers():
    names = [name for name, _ in xception().named_parameters()]
    assert [name for name, _ in xception(share=0.1).named_parameters()] == names


def test_weights_do_not_fit_a_share(tmp_path):
    with pytest.raises(RecipeError, match=r"got share 0\.5"):
        xception(tmp_path / "any.safetensors", share=0.5)


@pytest.mark.parametrize("size", [64, 75, 299])
def test_every_size_of_image_is_reconstructed(network, size):
    with torch.no_grad():
        outputs = network.eval()(torch.rand(1, 3, size, size))
    residual = outputs.extra[RESIDUAL]
    assert residual.shape == (1, 1, size, size)
    assert residual.min() >= 0
    assert residual.max() <= 2
    assert COSINES not in outputs.extra


def test_a_graph_is_a_softmax_over_the_nodes_of_each_place():
    torch.manual_seed(1)
    graph = Bipartite(6, 5, 4, 2).double()
    places, finer = torch.randn(2, 6, 3, 3).double(), torch.randn(2, 5, 6, 6).double()
    query = torch.randn(2, 4, 3, 3).double()
    ours = graph(places, query, finer).detach().numpy()
    first, second = graph.embed[0].weight.detach().numpy(), graph.embed[2].weight.detach().numpy()
    edge = graph.edge.weight.detach().numpy()[0]
    gate = graph.gate.weight.detach().numpy()[:, :, 0, 0]
    for b, i, j in np.ndindex(2, 3, 3):
        a, q = places[b, :, i, j].numpy(), query[b, :, i, j].numpy()
        square = finer[b, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].reshape(5, 4).numpy().T
        nodes = [second @ np.maximum(first @ node, 0) for node in square]
        scores = np.exp([max(edge @ np.concatenate([q, node]), 0) for node in nodes])
        message = sum(s * n for s, n in zip(scores / scores.sum(), nodes, strict=True))
        expected = message * (1 - 1 / (1 + np.exp(-gate @ a)))
        np.testing.assert_allclose(ours[b, :, i, j], expected, rtol=1e-10)


def test_flooding_turns_the_gradient_round_below_the_level():
    targets = truth([1, 0])
    for scale, sign in ((1.0, 1), (20.0, -1)):
        logits = scale * torch.tensor([[-1.0, 1.0], [1.0, -1.0]])
        logits.requires_grad_()
        loss = functional.cross_entropy(logits, targets.label)
        (plain,) = torch.autograd.grad(loss, logits)
        flooded = FloodedCrossEntropy(0.04)(Outputs(logits), targets)
        assert flooded.item() == pytest.approx(abs(loss.item() - 0.04) + 0.04)
        (gradient,) = torch.autograd.grad(flooded, logits)
        torch.testing.assert_close(gradient, sign * plain)


def test_only_reals_are_to_be_reconstructed():
    residual = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    outputs = Outputs(torch.zeros(3, 2), extra={RESIDUAL: residual})
    assert Reconstruction()(outputs, truth([0, 1, 0])).item() == pytest.approx(2.5)
    assert Reconstruction()(outputs, truth([1, 1, 1])).item() == 0


def test_the_metric_is_that_of_pairs():
    features = torch.randn(3, 5, 7, 2, 2, generator=torch.Generator().manual_seed(3)).double()
    label = [0, 1, 0, 1, 0]
    expected = 0.0
    for one in features.mean((3, 4)).numpy():
        unit = one / np.linalg.norm(one, axis=1, keepdims=True)
        alike = {(i, j): (1 + unit[i] @ unit[j]) / 2 for i in range(5) for j in range(5) if i != j}
        reals = [v for (i, j), v in alike.items() if label[i] == label[j] == 0]
        apart = [v for (i, j), v in alike.items() if label[i] != label[j]]
        expected += 1 - np.mean(reals) + np.mean(apart)
    found = torch.stack([cosines(one) for one in features], -1)
    outputs = Outputs(torch.zeros(5, 2), extra={COSINES: found})
    assert Metric()(outputs, truth(label)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [FloodedCrossEntropy(0.04), Reconstruction(), Metric()])
def test_every_term_teaches(network, images, loss):
    outputs = network.train()(images)
    shared = list(network.encoder.block1.parameters()) + list(network.decoder.fine.parameters())
    found = torch.autograd.grad(loss(outputs, truth([0, 1, 0, 0])), shared)
    assert all(gradient.any() for gradient in found)


def test_noise_is_of_training_alone_and_of_half_of_the_images():
    network = Recce(share=0.05, noise=0.1).build(BuildContext())
    x = torch.zeros(400, 3, 4, 4)
    assert network.eval()._noisy(x) is x
    torch.manual_seed(0)
    noisy = network.train()._noisy(x).flatten(1)
    chosen = noisy.any(1)
    assert 150 < chosen.sum() < 250
    assert noisy[chosen].std().item() == pytest.approx(0.1, rel=0.05)
