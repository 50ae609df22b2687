"""The part timm: what it does to images, what training may change, what its schema refuses."""

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torchvision.transforms.v2.functional import normalize

from mfclip.parts import BuildContext
from mfclip_vision.parts import Timm

CONTEXT = BuildContext(image_size=64)


@pytest.fixture
def file(tmp_path):
    state = timm.create_model("test_efficientnet").state_dict()
    save_file(state, found := tmp_path / "weights.safetensors")
    return found


@torch.no_grad()
@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit", "tf_efficientnet_lite0"])
def test_pooled_features_of_images_normalised_as_timm_says(model, draw_images):
    encoder, images = Timm(model=model, dim=8).build(CONTEXT).eval(), draw_images(4, 64)
    data = timm.data.resolve_model_data_config(timm.create_model(model))
    ready = normalize(images, list(data["mean"]), list(data["std"]))
    features = encoder.backbone.forward_features(ready)
    pooled = encoder.backbone.forward_head(features, pre_logits=True)
    expected = pooled @ encoder.project.weight.T + encoder.project.bias
    torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)


def test_the_width_is_known_without_building():
    assert Timm(dim=48).width == 48
    assert Timm(dim=48, model="test_vit").build(CONTEXT).project.out_features == 48


def test_a_missing_file_is_a_misfit_unless_the_detector_brings_its_weights(tmp_path):
    part = Timm(model="test_vit", weights=tmp_path / "none.safetensors")
    (misfit,) = part.misfits(CONTEXT)
    assert misfit.field == "weights"
    loaded = BuildContext(image_size=64, pretrained=False)
    assert not list(part.misfits(loaded))
    assert part.build(loaded)


def test_other_formats_of_weights_are_refused():
    with pytest.raises(ValidationError, match=r"read from \.safetensors files only"):
        Timm(weights="resnet.pth")


@pytest.mark.parametrize(
    "model", ["hf-hub:timm/resnet18", "local-dir:x", "a/b", "", "../x", "a.b.c"]
)
def test_addresses_are_no_names(model):
    with pytest.raises(ValidationError, match="models by address are never fetched"):
        Timm(model=model)


def test_random_weights_cannot_be_frozen():
    with pytest.raises(ValidationError, match='got freeze "all" without weights'):
        Timm(freeze="all")


@pytest.mark.parametrize("freeze", ["none", "all"])
def test_what_is_frozen_stays_and_the_rest_learns(freeze, file, draw_images):
    part = Timm(model="test_efficientnet", dim=8, weights=file, freeze=freeze)
    encoder = part.build(CONTEXT)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=0.1)
    encoder.train()(draw_images(4, 64)).square().sum().backward()
    optimiser.step()
    after = encoder.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {"project.weight", "project.bias"} <= changed
    assert (changed == after.keys()) if freeze == "none" else (len(changed) == 2)


def test_a_frozen_backbone_still_lets_gradients_reach_the_image(file, draw_images):
    """Heat maps need them."""
    encoder = Timm(model="test_efficientnet", weights=file, freeze="all").build(CONTEXT)
    images = draw_images(2, 64).requires_grad_()
    encoder.eval()(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_drop_rate_acts_on_the_features_in_training_only(draw_images):
    encoder = Timm(model="test_vit", dim=8, drop_rate=0.5).build(CONTEXT)
    seen = []
    encoder.project.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    encoder.train()(draw_images(16, 64))
    encoder.eval()(draw_images(16, 64))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert not (seen[1] == 0).any()


def test_drop_path_reaches_the_last_block():
    encoder = Timm(model="test_efficientnet", drop_path_rate=0.3).build(CONTEXT)
    rates = [m.drop_prob for m in encoder.modules() if isinstance(m, timm.layers.DropPath)]
    assert max(rates) == pytest.approx(0.3, abs=0.1)
    assert not [
        m
        for m in Timm(model="test_efficientnet").build(CONTEXT).modules()
        if isinstance(m, timm.layers.DropPath)
    ]
