"""UIA-ViT: distances against scipy, scores against attention by heads, pseudo-labels, gradients."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from torch.nn import functional

from mfclip.detector.outputs import Outputs, Targets
from mfclip.detector.protocols import TrainingBatch
from mfclip.parts import BuildContext
from mfclip_baselines.schemas.uia_vit import CONSISTENCY, MAP, PATCHES, UiaVit
from mfclip_baselines.transformer import embedded, through
from mfclip_baselines.uia_vit import Gaussians, PatchConsistency, plain

SMALL = UiaVit(dim=24, depth=3, heads=3, middle=1, read=(2, 3))
CONTEXT = BuildContext(image_size=64)
LABEL = torch.tensor([0, 1, 0, 1])


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SMALL.build(CONTEXT)


def targets(label=LABEL) -> Targets:
    return Targets(label, torch.full_like(label, -1))


def batches(images) -> list[TrainingBatch]:
    return [TrainingBatch(images + shift, {"label": LABEL}) for shift in (0.0, 0.1, 0.2)]


def test_it_is_a_vit_with_a_wider_head():
    with torch.device("meta"):
        network = UiaVit().build(BuildContext())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 85_798_656 + 2 * 768 * 2 + 2  # ViT-B/16 without classes, and 1536 to 2


def test_distances_are_those_of_scipy_with_shrunk_covariance():
    torch.manual_seed(0)
    real, fake = torch.randn(60, 5), 2 * torch.randn(90, 5) @ torch.randn(5, 5) + 1
    gaussians = Gaussians(5)
    gaussians.fit(real, fake)
    asked = torch.randn(3, 4, 5)
    ours = gaussians.distances(asked).numpy()
    for place, samples in enumerate((real.double().numpy(), fake.double().numpy())):
        inverse = np.linalg.inv(shrunk(samples))
        for b, p in np.ndindex(3, 4):
            expected = mahalanobis(asked[b, p].numpy(), samples.mean(0), inverse)
            assert ours[place, b, p] == pytest.approx(expected, rel=1e-4)


def shrunk(samples: np.ndarray) -> np.ndarray:
    """Ledoit and Wolf (2004), by their formula for the intensity."""
    n, width = samples.shape
    x = samples - samples.mean(0)
    covariance = x.T @ x / n
    target = np.trace(covariance) / width * np.eye(width)
    distance = ((covariance - target) ** 2).sum()
    noise = sum(((np.outer(one, one) - covariance) ** 2).sum() for one in x) / n**2
    share = min(noise / distance, 1)
    return share * target + (1 - share) * covariance


def test_patches_belong_to_the_nearer_gaussian_and_to_none_before_a_fit():
    torch.manual_seed(0)
    gaussians = Gaussians(3)
    asked = torch.stack([torch.zeros(2, 3), torch.full((2, 3), 5.0)])
    assert gaussians(asked).tolist() == [[-1, -1], [-1, -1]]
    gaussians.fit(torch.randn(200, 3), torch.randn(200, 3) + 5)
    assert gaussians(asked).tolist() == [[0, 0], [1, 1]]


def test_one_patch_makes_no_gaussian():
    gaussians = Gaussians(3)
    gaussians.fit(torch.randn(50, 3), torch.randn(1, 3))
    assert not gaussians.fitted


def test_scores_are_attention_before_its_softmax(network, images):
    network.eval()
    net = network.network
    with torch.no_grad():
        tokens = embedded(net, network.normalise(images))
        torch.testing.assert_close(
            net.norm(through(net, tokens, (1,))[0][-1]),
            net.forward_features(network.normalise(images)),
        )
        _, scores = through(net, tokens, (1,))
        block = net.blocks[0]
        qkv = block.attn.qkv(block.norm1(tokens)).unflatten(2, (3, 3, 8))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        by_head = query @ key.mT / 8**0.5
        torch.testing.assert_close(scores, by_head.mean(1))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        torch.testing.assert_close(by_head.softmax(-1) @ value, mixed)


def test_gaussians_are_fitted_from_the_second_epoch_on_and_only_to_inner_patches_of_fakes(
    network, images
):
    network.before_epoch(0, batches(images))
    assert not network.gaussians.fitted
    network.train()
    network.before_epoch(1, batches(images))
    assert network.training
    assert network.gaussians.fitted
    network.eval()
    features = torch.stack([network._read(batch.images)[0] for batch in batches(images)])
    inner = features[:, [1, 3]].unflatten(2, (4, 4))[:, :, 1:3, 1:3]  # 3 to 11 of 14, in fours
    expected = torch.stack([features[:, [0, 2]].mean((0, 1, 2)), inner.mean((0, 1, 2, 3))])
    torch.testing.assert_close(network.gaussians.mean, expected, rtol=1e-4, atol=1e-5)


def test_features_of_the_gaussians_take_no_gradient_and_are_normalised():
    tokens = torch.randn(2, 3, 8, requires_grad=True)
    features = plain(tokens)
    assert not features.requires_grad
    expected = (tokens - tokens.mean(-1, keepdim=True)) / tokens.std(-1, correction=0, keepdim=True)
    torch.testing.assert_close(features, expected.detach(), rtol=1e-3, atol=1e-4)


def test_the_map_takes_over_as_training_goes_on(network, images):
    network.train()
    logits = {}
    for progress in (0.0, 0.7, 1.0):
        outputs = network(images, progress=progress)
        assert network.progress == pytest.approx(progress)
        uniform = 1 / (1 + np.exp(-12 * (0.7 - progress)))
        net = network.network
        after, _ = through(net, embedded(net, network.normalise(images)), (1,))
        tokens = net.norm(after[-1])
        where = outputs.extra[MAP].flatten(1)
        weights = (uniform + (1 - uniform) * where) / 16
        seen = torch.einsum("bp,bpd->bd", weights, tokens[:, 1:])
        expected = network.head(torch.cat([tokens[:, 0], seen], 1))
        torch.testing.assert_close(outputs.logits, expected)
        logits[progress] = outputs.logits
    torch.testing.assert_close(network.eval()(images).logits, logits[1.0])
    assert not torch.allclose(logits[0.0], logits[1.0])


def test_the_consistency_is_that_of_pairs():
    torch.manual_seed(0)
    scores = torch.randn(4, 6, 6)
    patches = torch.tensor([[0, 1, 1, 0, 0, 1.0]] * 4)
    loss = PatchConsistency(0.06, (0.5, 0.05, 0.05))
    level = {0: 0.6, 1: 0.2, 2: 0.6}
    by_kind = []
    for kind in (0, 1):
        apart = [
            abs(1 / (1 + np.exp(-scores[b, i, j].item())) - level[int(kind * (one[i] + one[j]))])
            for b, one in enumerate(patches.tolist())
            if LABEL[b] == kind
            for i, j in permutations(range(6), 2)
        ]
        by_kind.append(np.mean(apart))
    expected = 0.06 * sum(by_kind) + 0.5 * 0.2 + 0.05 / 0.6 + 0.05 / 0.6
    outputs = Outputs(torch.zeros(4, 2), extra={CONSISTENCY: scores, PATCHES: patches})
    assert loss(outputs, targets()).item() == pytest.approx(expected, rel=1e-5)
    outputs = Outputs(torch.zeros(4, 2), extra={CONSISTENCY: scores, PATCHES: patches * 0 - 1})
    assert loss(outputs, targets()).item() == 0


def test_the_term_teaches_attention_and_its_levels(network, images):
    network.before_epoch(1, batches(images))
    loss = PatchConsistency(0.06, (0.5, 0.05, 0.05))
    loss(network.train()(images), targets()).backward()
    assert network.network.blocks[2].attn.qkv.weight.grad.any()
    assert all(level.grad.any() for level in loss.parameters())


def test_blocks_that_are_not_there_are_a_misfit():
    found = list(UiaVit(depth=4, dim=24, heads=3).misfits(BuildContext()))
    assert [misfit.field for misfit in found] == ["middle", "read"]
