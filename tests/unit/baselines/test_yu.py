"""Yu et al.: divergence against torch's own, sampling, labels from masks, gradients, the map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.schemas.yu import KL, MAP, MASK, PATCHES, PIXELS, Yu, YuHierarchy
from mfclip_baselines.yu import Divergence, Hierarchy, Level, divergence

LABEL = torch.tensor([0, 1, 1, 0])


def truth(mask: torch.Tensor | None = None) -> Targets:
    return Targets(LABEL, LABEL * 0 - 1, {} if mask is None else {MASK: mask})


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Yu(model="test_efficientnet", dim=8, places=4).build(BuildContext())


def test_pixels_are_14_and_patches_7_a_side():
    with torch.device("meta"):
        outputs = Yu().build(BuildContext()).train()(torch.rand(2, 3, 224, 224))
    assert outputs.extra[PIXELS].shape == (2, 1, 14, 14)
    assert outputs.extra[PATCHES].shape == (2, 1, 7, 7)


def test_another_backbone_is_an_error_of_the_recipe():
    with pytest.raises(RecipeError, match="cannot make no_such_model"):
        Yu(model="no_such_model").build(BuildContext())


def test_the_divergence_is_torchs():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 5, 2, 2), torch.randn(3, 5, 2, 2)
    normal = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(normal, Normal(0.0, 1.0)).sum(1).mean((1, 2))
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_samples_have_the_mean_and_variance_and_use_takes_the_mean():
    torch.manual_seed(0)
    level = Level(3, 1, 1)
    with torch.no_grad():
        level.classify.weight.fill_(1)
        level.classify.bias.zero_()
        features = torch.randn(1, 3, 1, 1).expand(20000, 3, 1, 1)
        mean, deviation = level.mean(features[:1]), (level.log_variance(features[:1]) / 2).exp()
        drawn, _ = level.train()(features)
        assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.05)
        assert drawn.std().item() == pytest.approx(deviation.item(), rel=0.05)
        torch.testing.assert_close(level.eval()(features[:1])[0], mean)


def test_places_are_labelled_by_their_share_of_the_mask():
    torch.manual_seed(0)
    pixels, patches = torch.randn(4, 1, 4, 4), torch.randn(4, 1, 2, 2)
    mask = (torch.rand(4, 1, 16, 16) < 0.3).float()
    expected = 0.0
    for level, side in ((pixels, 4), (patches, 8)):
        p = 1 / (1 + np.exp(-level.double().numpy()[:, 0]))
        blocks = mask.double().numpy().reshape(4, 16 // side, side, 16 // side, side)
        share = blocks.mean((2, 4))
        expected += -(share * np.log(p) + (1 - share) * np.log(1 - p)).mean()
    outputs = Outputs(torch.zeros(4, 2), extra={PIXELS: pixels, PATCHES: patches})
    assert Hierarchy(masks=True)(outputs, truth(mask)).item() == pytest.approx(expected, rel=1e-5)


def test_without_masks_every_place_has_its_images_label():
    torch.manual_seed(0)
    extra = {PIXELS: torch.randn(4, 1, 4, 4), PATCHES: torch.randn(4, 1, 2, 2)}
    outputs = Outputs(torch.zeros(4, 2), extra=extra)
    everywhere = LABEL.float().view(4, 1, 1, 1).expand(4, 1, 16, 16)
    torch.testing.assert_close(
        Hierarchy(masks=False)(outputs, truth()), Hierarchy(masks=True)(outputs, truth(everywhere))
    )
    assert YuHierarchy().reads == {MASK}
    assert YuHierarchy(masks=False).reads == frozenset()


def test_each_term_teaches_what_it_is_of(network, images):
    outputs = network.train()(images)
    hierarchy = Hierarchy(masks=False)(outputs, truth())
    shared = network.network.conv_stem.weight
    for loss, levels in (
        (hierarchy, (network.pixels, network.patches)),
        (Divergence()(outputs, truth()), (network.pixels, network.patches, network.image)),
    ):
        weights = [
            shared,
            *(w for one in levels for w in (one.mean.weight, one.log_variance.weight)),
        ]
        found = torch.autograd.grad(loss, weights, retain_graph=True)
        assert all(gradient.any() for gradient in found)


def test_scoring_draws_nothing_and_gives_one_map_an_image(network, images):
    network.eval()
    first, again = network(images), network(images)
    torch.testing.assert_close(first.logits, again.logits, rtol=0, atol=0)
    assert set(first.extra) == {MAP}
    assert first.extra[MAP].shape == (4, 1, 4, 4)
    assert first.extra[MAP].min() >= 0
    assert first.extra[MAP].max() <= 1
    torch.testing.assert_close(network(images[2:3]).extra[MAP], first.extra[MAP][2:3])
    assert KL in network.train()(images).extra
