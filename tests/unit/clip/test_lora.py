"""Low-rank adapters on a tower that stays as it is."""

from __future__ import annotations

import copy

import pytest
import torch
from pydantic import ValidationError
from torch.nn.utils.parametrize import is_parametrized

from mfclip.inference.fold import fold
from mfclip.parts import BuildContext
from mfclip.recipe.settings import TrainingSettings
from mfclip.testing import check_part
from mfclip.training.optimiser import make_optimiser
from mfclip_clip.parts import ClipVit

from .conftest import IMAGE

QUICK = {**IMAGE, "activation": "quick-gelu"}
CONTEXT = BuildContext(image_size=32)
ATTENTION = ("attn.in_proj_weight", "attn.out_proj.weight")
PERCEPTRON = ("mlp.c_fc.weight", "mlp.c_proj.weight")


@pytest.fixture
def build(transformers_folder):
    """Settings -> an encoder with adapters on the small tower's weights."""

    def make(moved=False, **settings):
        part = ClipVit(
            **{"tune": "lora", "lora_rank": 3, **QUICK, **settings},
            weights=transformers_folder / "model.safetensors",
        )
        torch.manual_seed(0)
        module = part.build(CONTEXT).eval()
        if moved:
            with torch.no_grad():
                for name, value in module.named_parameters():
                    if name.endswith(".b"):
                        value.normal_(std=0.3)
        return module

    return make


def weight_of(module, name):
    for step in name.split("."):
        module = getattr(module, step)
    return module


@torch.no_grad()
@pytest.mark.parametrize("on", ["attention", "all"])
def test_a_fresh_tower_is_its_base_exactly(build, images, on):
    base = build(tune="none", lora_rank=8)
    assert torch.equal(build(lora_on=on)(images), base(images))
    assert not torch.equal(build(moved=True, lora_on=on)(images), base(images))


@pytest.mark.parametrize(("on", "adapted"), [("attention", ATTENTION), ("all", None)])
@pytest.mark.parametrize("alpha", [None, 12.0])
def test_weights_are_those_of_the_equation(build, on, adapted, alpha):
    """W + alpha / r B A in float64, for query, key and value each by itself."""
    module, base = build(moved=True, lora_on=on, lora_alpha=alpha), build(tune="none", lora_rank=8)
    scale = (3 if alpha is None else alpha) / 3
    for block, plain in zip(
        module.tower.transformer.resblocks, base.tower.transformer.resblocks, strict=True
    ):
        for name in adapted or ATTENTION + PERCEPTRON:
            owner, _, last = name.rpartition(".")
            inner = weight_of(block, owner)
            low = inner.parametrizations[last][0]
            old = weight_of(plain, name).double()
            trio = 3 if last == "in_proj_weight" else 1
            expected = torch.cat(
                [
                    part + scale * low.b[i].double() @ low.a[i].double()
                    for i, part in enumerate(old.chunk(trio))
                ]
            )
            torch.testing.assert_close(
                weight_of(block, name).double(), expected, rtol=1e-5, atol=1e-6
            )
            assert torch.equal(inner.parametrizations[last].original, old.float())
        rest = set(ATTENTION + PERCEPTRON) - set(adapted or ATTENTION + PERCEPTRON)
        assert all(torch.equal(weight_of(block, n), weight_of(plain, n)) for n in rest)


@torch.no_grad()
def test_the_output_is_that_of_a_tower_with_these_weights(build, images):
    """Query, key and value reach the attention as they should, in float64."""
    module = build(moved=True, lora_on="all").double()
    plain = build(tune="none", lora_rank=8).double()
    for mine, theirs in zip(
        module.tower.transformer.resblocks, plain.tower.transformer.resblocks, strict=True
    ):
        for name in ATTENTION + PERCEPTRON:
            weight_of(theirs, name).copy_(weight_of(mine, name))
    torch.testing.assert_close(module(images.double()), plain(images.double()))


@torch.no_grad()
@pytest.mark.parametrize("settings", [{}, {"lora_on": "all", "read": (1, 2)}])
def test_merged_for_scoring_it_gives_the_same(build, images, settings):
    module = build(moved=True, **settings)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    merged = fold(module)
    assert not any(is_parametrized(inner) for inner in merged.modules())
    plain = build(**settings | {"tune": "none", "lora_rank": 8, "lora_on": "attention"})
    assert [type(m) for m in merged.modules()] == [type(m) for m in plain.modules()]
    torch.testing.assert_close(merged(images), module(images), rtol=1e-6, atol=1e-6)
    after = module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_only_the_adapters_learn_and_they_do(build, images):
    module = build(rate=0.5).train()
    learning = {name for name, value in module.named_parameters() if value.requires_grad}
    assert len(learning) == 2 * 2 * IMAGE["layers"]
    assert {name.rpartition(".")[2] for name in learning} == {"a", "b"}
    frozen = {n: v.clone() for n, v in module.named_parameters() if not v.requires_grad}
    head = torch.nn.ModuleDict({"vision": module})
    optimiser = make_optimiser(head, TrainingSettings(learning_rate=0.01))
    assert [group["lr"] for group in optimiser.param_groups] == [0.005]
    before = {n: v.clone() for n, v in module.named_parameters() if v.requires_grad}
    for _ in range(2):  # B first: A has no gradient while B is zero
        optimiser.zero_grad()
        module(images).square().sum().backward()
        optimiser.step()
    now = dict(module.named_parameters())
    assert all(not torch.equal(now[name], value) for name, value in before.items())
    assert all(torch.equal(now[name], value) for name, value in frozen.items())


def test_adapters_are_computed_in_full_under_autocast(build):
    module = build(moved=True)
    attention = module.tower.transformer.resblocks[0].attn
    plain = attention.in_proj_weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(attention.in_proj_weight, plain)


def test_its_names_are_those_of_the_base_and_the_adapters(build):
    names = set(build().state_dict())
    place = "tower.transformer.resblocks.0.attn"
    assert {
        f"{place}.parametrizations.in_proj_weight.{name}" for name in ("original", "0.a", "0.b")
    } <= names
    ours = {n.replace("parametrizations.", "").replace(".original", "") for n in names}
    base = set(build(tune="none", lora_rank=8).state_dict())
    assert {n for n in ours if not n.endswith((".0.a", ".0.b"))} == base


def test_blocks_computed_anew_give_the_same_gradients(build, images):
    def gradients(checkpoint):
        module = build(moved=True, read=(1, 2), checkpoint=checkpoint).train()
        module(images).square().sum().backward()
        return {name: p.grad for name, p in module.named_parameters() if p.requires_grad}

    plain, anew = gradients(False), gradients(True)
    for name, gradient in plain.items():
        torch.testing.assert_close(anew[name], gradient)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tune": "lora"}, "random weights would stay as they are"),
        ({"lora_rank": 4}, 'lora_rank belongs to tune "lora"; got tune "all"'),
        ({"lora_alpha": 4.0}, "lora_alpha belongs to tune"),
        ({"lora_on": "all"}, "lora_on belongs to tune"),
        ({"tune": "lora", "lora_rank": 0}, "greater than or equal to 1"),
        ({"tune": "lora", "lora_alpha": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        ClipVit(**QUICK, **settings)


@pytest.mark.parametrize("settings", [{}, {"lora_on": "all", "read": (1,)}])
def test_it_passes_the_conformance_suite(settings, transformers_folder):
    file = transformers_folder / "model.safetensors"
    part = ClipVit(**QUICK, weights=file, tune="lora", lora_rank=2, **settings)
    check_part(part, context=CONTEXT)


def test_copies_keep_their_adapters(build, images):
    module = build(moved=True)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        assert torch.equal(twin(images), module(images))
        twin.tower.transformer.resblocks[0].attn.parametrizations.in_proj_weight[0].b.zero_()
        assert not torch.equal(twin(images), module(images))
