from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mfclip.errors import MissingExtraError, UsageError
from mfclip.explain.attribution import (
    METHODS,
    MapSettings,
    baseline_of,
    heat_maps,
    log_odds_of,
)

SMALL = MapSettings(window=4)
CORNER = 8


def values(module, image, method, settings=SMALL):
    (found,) = heat_maps(module.eval(), image, method, settings)
    assert found.values.shape == tuple(image.shape[-2:])
    return found.values


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients"])
def test_planted_evidence_is_found_where_it_is(corner, image, method):
    image[:, :, :CORNER, :CORNER] = 0.9
    found = values(corner(), image, method)
    # A window that touches the corner reaches beyond it by less than its side.
    edge = CORNER + (3 if method == "occlusion" else 0)
    assert (found[:CORNER, :CORNER] > 0).all()
    outside = found.copy()
    outside[:edge, :edge] = 0
    assert np.abs(outside).max() < 1e-6 * found.max()


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients"])
def test_evidence_for_real_is_below_zero(corner, image, method):
    image[:, :, :CORNER, :CORNER] = 0.9
    found = values(corner(-10.0), image, method)
    assert (found[:CORNER, :CORNER] < 0).all()


def test_grad_cam_lights_where_the_map_is_active(convolutional, image):
    module = convolutional()
    with torch.no_grad():
        module.head.weight[0], module.head.weight[1] = -1.0, 1.0
        for layer in (module.cnn[0], module.cnn[3]):
            layer.weight.abs_()
            layer.bias.zero_()
    image.zero_()[:, :, :CORNER, :CORNER] = 1.0
    found = values(module, image, "grad-cam")
    assert found.min() >= 0
    assert found[:CORNER, :CORNER].mean() > 20 * found[16:, 16:].mean()


@pytest.mark.parametrize("method", METHODS)
def test_maps_follow_the_weights(convolutional, image, method):
    # The model-randomisation test of Adebayo et al. (2018): a method whose maps stay what they
    # were under other weights shows the image and not the detector.
    trained = values(convolutional(0), image, method)
    again = values(convolutional(0), image, method)
    np.testing.assert_allclose(again, trained, rtol=1e-4, atol=1e-7)
    for seed in (1, 2, 3):
        other = values(convolutional(seed), image, method)
        assert abs(spearmanr(trained.ravel(), other.ravel()).statistic) < 0.75


@pytest.mark.parametrize("baseline", ["mean", "blur", "black"])
def test_integrated_gradients_are_complete(convolutional, image, baseline):
    module = convolutional().eval()
    settings = MapSettings(baseline=baseline, steps=200)
    (found,) = heat_maps(module, image, "integrated-gradients", settings)
    score = log_odds_of(module)
    with torch.no_grad():
        difference = float(score(image) - score(baseline_of(image, baseline)))
    assert found.values.sum() == pytest.approx(difference, abs=0.01 * abs(difference) + 1e-4)
    # captum's own figure for what is missing.
    assert found.error == pytest.approx(found.values.sum() - difference, abs=1e-5)


def test_covering_everything_takes_all_evidence_away(corner, image):
    module = corner()
    settings = MapSettings(window=32, baseline="black")
    found = values(module, image, "occlusion", settings)
    np.testing.assert_allclose(found, float(log_odds_of(module)(image).detach()), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_neither_on_the_batch_nor_on_the_passes(convolutional, image, method):
    module = convolutional().eval()
    alone = values(module, image, method, MapSettings(window=8, passes=1))
    batch = torch.cat([torch.rand_like(image), image])
    _, second = heat_maps(module, batch, method, MapSettings(window=8, passes=24))
    np.testing.assert_allclose(second.values, alone, rtol=1e-3, atol=1e-6)


def test_baselines_keep_what_they_promise(image):
    assert baseline_of(image, "black").abs().max() == 0
    mean = baseline_of(image, "mean")
    assert torch.allclose(mean, image.mean(dim=(2, 3), keepdim=True).expand_as(image))
    blur = baseline_of(image, "blur")
    assert blur.shape == image.shape
    assert blur.std() < 0.3 * image.std()
    assert float(blur.mean()) == pytest.approx(float(image.mean()), abs=0.02)


def test_a_window_larger_than_the_image_is_refused(corner, image):
    with pytest.raises(UsageError, match="window of 33 pixels does not fit"):
        heat_maps(corner(), image, "occlusion", MapSettings(window=33))


def test_without_captum_the_extra_is_named(corner, image, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"mfclip\[explain\]"):
        heat_maps(corner(), image, "occlusion")
