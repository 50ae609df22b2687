"""The part timm: what it does to images, what training may change, what its schema refuses."""

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torchvision.transforms.v2.functional import normalize

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip.recipe.settings import TrainingSettings
from mfclip.testing import check_part
from mfclip.training.optimiser import make_optimiser
from mfclip_vision.parts import Timm
from mfclip_vision.timm_tuning import is_norm

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


@pytest.mark.parametrize("tune", ["all", "layernorm", "none"])
@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit", "test_efficientnet_gn"])
def test_what_learns_is_what_was_asked_for(model, tune, tmp_path, draw_images):
    """Of a step of training: tensors by what they belong to, told by their names in timm."""
    state = {n: v.contiguous() for n, v in timm.create_model(model).state_dict().items()}
    save_file(state, file := tmp_path / "weights.safetensors")
    encoder = Timm(model=model, dim=8, weights=file, tune=tune).build(CONTEXT)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=0.1)
    encoder.train()(draw_images(4, 64)).square().sum().backward()
    optimiser.step()
    changed = {n for n, v in encoder.state_dict().items() if not torch.equal(v, before[n])}
    norms = {n for n in before if n.startswith("backbone.") and n.split(".")[-2] in NORMS[model]}
    projection = {"project.weight", "project.bias"}
    assert len(norms) > 10
    if tune == "all":
        assert norms | projection < changed
    else:
        assert changed == (norms | projection if tune == "layernorm" else projection)


NORMS = {
    "test_efficientnet": ("bn1", "bn2", "bn3"),
    "test_efficientnet_gn": ("bn1", "bn2", "bn3"),
    "test_vit": ("norm", "norm1", "norm2", "fc_norm"),
}
"""What timm calls the norm layers of these models; their statistics carry the same names."""


def test_norms_of_every_type_are_told(tmp_path):
    layers = timm.layers
    for kind in (
        layers.LayerNorm2d,
        layers.RmsNorm,
        layers.GroupNorm1,
        layers.grn.GlobalResponseNorm,
    ):
        assert is_norm(kind(8)), kind
    assert is_norm(torch.nn.BatchNorm1d(8))
    for other in (torch.nn.Conv2d(3, 8, 1), layers.ConvNormAct(3, 8), layers.LayerScale(8)):
        assert not is_norm(other), type(other)


def test_a_model_without_norms_has_none_to_tune(tmp_path):
    state = timm.create_model("test_nfnet").state_dict()
    save_file(state, file := tmp_path / "weights.safetensors")
    part = Timm(model="test_nfnet", weights=file, tune="layernorm")
    with pytest.raises(RecipeError, match="test_nfnet has no norm layers with weights"):
        part.build(CONTEXT)


def test_the_backbone_learns_at_its_own_rate(file):
    part = Timm(model="test_efficientnet", dim=8, weights=file, tune="layernorm", rate=0.3)
    module = torch.nn.ModuleDict({"vision": part.build(CONTEXT)})
    groups = make_optimiser(module, TrainingSettings(learning_rate=0.01)).param_groups
    rates = {round(group["lr"], 6): len(group["params"]) for group in groups}
    trained = [p for p in module["vision"].backbone.parameters() if p.requires_grad]
    assert rates == {0.003: len(trained), 0.01: 2}
    frozen = Timm(model="test_efficientnet", dim=8, weights=file, tune="none", rate=0.3)
    assert frozen.build(CONTEXT).parameter_groups() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tune": "layernorm"}, 'got tune "layernorm" without weights'),
        ({"tune": "none"}, 'got tune "none" without weights'),
        ({"tune": "layernorm", "freeze": "all"}, 'got tune "layernorm" beside it'),
        ({"rate": 0}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said, file):
    weights = {"weights": file} if "freeze" in settings else {}
    with pytest.raises(ValidationError, match=said):
        Timm(model="test_efficientnet", **weights, **settings)


@pytest.mark.parametrize("tune", ["layernorm", "none"])
def test_tuned_in_part_it_passes_the_conformance_suite(tune, file):
    part = Timm(model="test_efficientnet", dim=8, weights=file, tune=tune)
    check_part(part, context=CONTEXT)


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
