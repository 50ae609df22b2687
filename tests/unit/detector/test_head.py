"""The head: exact whatever surrounds it, and able to teach from the first step."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from mfclip.detector.assemble import assemble
from mfclip.detector.head import Head
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.settings import HeadSettings, TrainingSettings
from mfclip.training.optimiser import make_optimiser

FEATURES = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer_norm", [False, True])
def test_it_is_the_formula_in_float64(layer_norm):
    torch.manual_seed(1)
    head = Head(8, layer_norm=layer_norm)
    x = FEATURES.double()
    if layer_norm:
        with torch.no_grad():
            head.norm.weight.uniform_(0.5, 2)
            head.norm.bias.uniform_(-1, 1)
        mean = x.mean(1, keepdim=True)
        variance = ((x - mean) ** 2).mean(1, keepdim=True)
        scaled = (x - mean) / (variance + 1e-5).sqrt()
        x = scaled * head.norm.weight.double() + head.norm.bias.double()
    expected = x @ head.weight.double().T + head.bias.double()
    torch.testing.assert_close(head(FEATURES).double(), expected, rtol=0, atol=1e-5)


def test_a_scale_multiplies_the_features_and_not_the_bias():
    torch.manual_seed(1)
    head = Head(8, scale=10)
    unit = F.normalize(FEATURES, dim=1).double()
    expected = 10 * (unit @ head.weight.double().T) + head.bias.double()
    torch.testing.assert_close(head(unit.float()).double(), expected, rtol=0, atol=1e-5)


def test_the_scale_learns_and_does_not_decay():
    head = Head(8, scale=10)
    settings = TrainingSettings(optimiser="adamw", learning_rate=0.1, weight_decay=1.0)
    optimiser = make_optimiser(nn.ModuleDict({"head": head}), settings)
    groups = optimiser.param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays == {id(head.log_scale): 0, id(head.weight): 1, id(head.bias): 1}
    F.cross_entropy(head(FEATURES), torch.arange(6) % 2).backward()
    optimiser.step()
    assert abs(head.log_scale.item() - math.log(10)) == pytest.approx(0.1, rel=1e-3)


def test_without_a_scale_the_names_are_what_they_were():
    assert list(Head(8).state_dict()) == ["weight", "bias"]
    assert not Head(8).parameter_groups()


@pytest.mark.parametrize(
    "settings", [{}, {"normalise": True, "layer_norm": True}, {"layer_norm": True}]
)
def test_a_scale_is_of_normalised_features_alone(settings):
    with pytest.raises(ValidationError, match=r"got scale 10 with normalise (true|false) and"):
        HeadSettings(scale=10, **settings)
    with pytest.raises(ValidationError, match="greater than 0"):
        HeadSettings(scale=0, normalise=True)


def test_autocast_does_not_reach_it():
    head = Head(8)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(FEATURES.bfloat16())
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, head(FEATURES.bfloat16().float()), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_it_computes_in_the_precision_of_its_weights(dtype):
    assert Head(8).to(dtype)(FEATURES).dtype == dtype


@pytest.mark.parametrize("bias", [True, False])
def test_it_takes_the_place_of_a_plain_layer(bias):
    plain = nn.Linear(8, 2, bias=bias).eval()
    head = Head.like(plain)
    assert torch.equal(head(FEATURES), plain(FEATURES))
    assert head.weight is plain.weight
    assert not head.training
    assert head.state_dict().keys() == plain.state_dict().keys()


def fresh(assembly: str, *changes: str) -> tuple[float, float]:
    """Spread of a fresh detector's log-odds, and the gradient of its cross-entropy at X_v."""
    text = f'name = "fresh"\nassembly = "{assembly}"\n'
    recipe = read_recipe_text(
        text, "fresh", overrides=changes, plugins=discover(), registry=read_registry()
    )
    torch.manual_seed(0)
    detector = assemble(recipe, None, text_side=False).train()
    images = torch.rand(24, 3, 224, 224) * torch.rand(24, 1, 1, 1)
    with torch.no_grad():
        visual = detector.vision(F.avg_pool2d(images, 3, 1, 1))
    visual.requires_grad_()
    logits = detector.head(F.normalize(visual, dim=-1) if detector.normalise else visual)
    F.cross_entropy(logits, torch.arange(24) % 2).backward()
    return (logits[:, 1] - logits[:, 0]).std().item(), visual.grad.norm().item()


@pytest.mark.parametrize("assembly", ["mfclip-small", "cvit-small", "clip-small"])
def test_a_fresh_detector_tells_images_apart_and_learns_from_them(assembly):
    """The head of 0.1 spread these log-odds by 0.004 to 0.02, and taught a tenth as much."""
    spread, gradient = fresh(assembly)
    assert spread > 0.03
    assert gradient > 0.05
    flat, weak = fresh(assembly, "head.normalise=true")
    assert flat < spread / 4
    assert weak < gradient / 4


def test_the_published_head_learns_as_well():
    spread, gradient = fresh("mfclip-small", "head.normalise=true", "head.layer_norm=true")
    assert spread > 0.08
    assert gradient > 0.05


@pytest.mark.parametrize("assembly", ["mfclip-small", "cvit-small", "clip-small"])
def test_a_scale_makes_normalised_features_teach(assembly):
    flat, weak = fresh(assembly, "head.normalise=true")
    spread, gradient = fresh(assembly, "head.normalise=true", "head.scale=10")
    assert spread == pytest.approx(10 * flat, rel=1e-3)
    assert gradient > 9 * weak
