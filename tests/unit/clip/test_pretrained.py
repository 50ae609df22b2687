"""A pretrained image tower put to use: what is read of it, what learns, other sizes of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip.recipe.settings import TrainingSettings
from mfclip.testing import check_part
from mfclip.training.optimiser import make_optimiser
from mfclip.weights.getting import convert
from mfclip.weights.store import file_of
from mfclip_clip.parts import ClipVit

from .conftest import IMAGE

QUICK = {**IMAGE, "activation": "quick-gelu"}


@pytest.fixture
def file(transformers_folder):
    return transformers_folder / "model.safetensors"


def test_class_tokens_are_those_of_transformers(file, transformers_model, images):
    module = ClipVit(**QUICK, weights=file, read=(1, 2)).build(BuildContext(image_size=32)).eval()
    vision = transformers_model.vision_model
    with torch.no_grad():
        normalised = (images - module.mean) / module.std
        states = vision(pixel_values=normalised, output_hidden_states=True).hidden_states
        expected = torch.cat([states[1][:, 0], states[2][:, 0]], 1)
        torch.testing.assert_close(module(images), expected, atol=1e-5, rtol=1e-5)
    assert ClipVit(**QUICK, read=(1, 2)).width == expected.shape[1] == 64


@torch.no_grad()
@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("pool", ["class", "patches", "both"])
def test_what_is_pooled_is_what_numpy_says(file, transformers_model, images, pool, l2):
    settings = {"read": (1, 2), "pool": pool, "l2": l2}
    part = ClipVit(**QUICK, weights=file, **settings)
    module = part.build(BuildContext(image_size=32)).eval()
    states = transformers_model.vision_model(
        pixel_values=(images - module.mean) / module.std, output_hidden_states=True
    ).hidden_states
    found = []
    for tokens in (states[block].double().numpy() for block in (1, 2)):
        read = {"class": [tokens[:, 0]], "patches": [tokens[:, 1:].mean(1)]}
        for one in read.get(pool, [*read["class"], *read["patches"]]):
            found.append(one / np.linalg.norm(one, axis=1, keepdims=True) if l2 else one)
    expected = torch.from_numpy(np.concatenate(found, 1)).float()
    torch.testing.assert_close(module(images), expected, atol=1e-5, rtol=1e-5)
    assert part.width == expected.shape[1] == (128 if pool == "both" else 64)


@torch.no_grad()
@pytest.mark.parametrize("read", [(), (1, 2)])
def test_what_is_read_is_projected_as_numpy_says(file, images, read):
    plain = ClipVit(**QUICK, weights=file, read=read)
    part = plain.model_copy(update={"project": 5})
    module = part.build(BuildContext(image_size=32)).eval()
    for parameter in module.project.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    scale, shift, weight, bias = (p.double().numpy() for p in module.project.parameters())
    x = plain.build(BuildContext(image_size=32)).eval()(images).double().numpy()
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    expected = torch.from_numpy((x * scale + shift) @ weight.T + bias).float()
    torch.testing.assert_close(module(images), expected, atol=1e-4, rtol=1e-4)
    assert part.width == 5
    assert part.read_width == plain.width


def test_a_projection_learns_beside_a_tower_that_does_not(file, images):
    part = ClipVit(**QUICK, weights=file, read=(1, 2), tune="none", rate=0.3, project=5)
    module = part.build(BuildContext(image_size=32))
    learning = {name for name, value in module.named_parameters() if value.requires_grad}
    assert learning == {f"project.{i}.{n}" for i in (0, 1) for n in ("weight", "bias")}
    assert module.parameter_groups() == []


@torch.no_grad()
def test_the_embedding_may_have_length_one_too(file, images):
    plain, unit = (
        ClipVit(**QUICK, weights=file, l2=l2).build(BuildContext(image_size=32)).eval()(images)
        for l2 in (False, True)
    )
    torch.testing.assert_close(unit, plain / plain.norm(dim=1, keepdim=True))
    assert not torch.equal(unit, plain)


def test_blocks_behind_the_last_one_read_are_left_out(file):
    module = ClipVit(**QUICK, weights=file, read=(1,)).build(BuildContext(image_size=32))
    assert len(module.tower.transformer.resblocks) == 1
    assert not any(name.split(".")[-1] == "proj" for name, _ in module.named_parameters())


@pytest.mark.parametrize("tune", ["all", "layernorm", "none"])
def test_what_learns_is_what_was_asked_for(file, tune):
    module = ClipVit(**QUICK, weights=file, tune=tune).build(BuildContext(image_size=32))
    learning = {name for name, value in module.named_parameters() if value.requires_grad}
    norms = {name for name, _ in module.named_parameters() if ".ln_" in name}
    assert len(norms) == 2 * (2 + 2 * IMAGE["layers"])
    every = {name for name, _ in module.named_parameters()}
    assert learning == {"all": every, "layernorm": norms, "none": set()}[tune]


def test_the_tower_learns_at_its_own_rate(file):
    part = ClipVit(**QUICK, weights=file, tune="layernorm", rate=0.3)
    module = torch.nn.ModuleDict(
        {"vision": part.build(BuildContext(image_size=32)), "head": torch.nn.Linear(24, 2)}
    )
    groups = make_optimiser(module, TrainingSettings(learning_rate=0.01)).param_groups
    rates = {round(group["lr"], 6): len(group["params"]) for group in groups}
    assert rates == {0.003: 12, 0.01: 2}


def test_blocks_computed_anew_give_the_same_gradients(file, images):
    def gradients(checkpoint):
        part = ClipVit(**QUICK, weights=file, read=(1, 2), checkpoint=checkpoint)
        module = part.build(BuildContext(image_size=32)).train()
        module(images).square().sum().backward()
        return {name: p.grad for name, p in module.named_parameters()}

    plain, anew = gradients(False), gradients(True)
    assert plain.keys() == anew.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(anew[name], gradient)


@pytest.mark.parametrize("size", [16, 48, 64])
def test_positions_are_resampled_for_another_size(file, transformers_model, size):
    """Enlarged, they are what transformers interpolates as it runs; made smaller, they are
    filtered against aliasing, which transformers leaves out."""
    module = ClipVit(**QUICK, weights=file).build(BuildContext(image_size=size)).eval()
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = module(images)
        normalised = (images - module.mean) / module.std
        features = transformers_model.vision_model(
            pixel_values=normalised, interpolate_pos_encoding=True
        )
        expected = transformers_model.visual_projection(features.pooler_output)
    if size > 32:
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    else:
        theirs = transformers_model.vision_model.embeddings.position_embedding.weight[1:]
        torch.testing.assert_close(module.tower.positional_embedding[1], theirs.mean(0))


def test_weights_by_name(file, images, tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path))
    convert(file, "small-clip")
    context = BuildContext(image_size=32)
    named = ClipVit(**QUICK, weights="small-clip")
    assert list(named.misfits(context)) == []
    by_file = ClipVit(**QUICK, weights=file_of("small-clip"))
    with torch.no_grad():
        one, other = (part.build(context).eval()(images) for part in (named, by_file))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"read": (2, 1)}, "rising and each once"),
        ({"read": (1, 3)}, "blocks from 1 to 2"),
        ({"read": (0,)}, "blocks from 1 to 2"),
        ({"tune": "layernorm"}, "random weights would stay as they are"),
        ({"tune": "none"}, "random weights would stay as they are"),
        ({"pool": "both"}, 'pool "both" is of blocks that are read; got no numbers'),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        ClipVit(**QUICK, **settings)


def test_a_billion_layers_are_not_counted():
    with pytest.raises(ValidationError, match="rising and each once"):
        ClipVit(**QUICK | {"layers": 10**9}, read=(2, 1))


@pytest.mark.parametrize(
    "settings",
    [
        {"read": (1, 2)},
        {"read": (1,), "tune": "layernorm"},
        {"read": (1, 2), "pool": "both", "l2": True},
    ],
)
def test_it_passes_the_conformance_suite(settings, file):
    check_part(ClipVit(**QUICK, weights=file, **settings), context=BuildContext(image_size=32))
