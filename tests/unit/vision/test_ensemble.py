"""Members of an ensemble: each learns as if alone, and they judge together."""

from __future__ import annotations

import copy

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import cross_entropy

from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.optimiser import make_optimiser
from mfclip_vision.ensemble import EnsembleDetector, Member
from mfclip_vision.parts import Cvit, Ensemble, FrameMean, Vector

CVIT = Cvit(channels=(4, 8, 8), convolutions=(1, 1, 1), dim=16, depth=1, heads=2, mlp=16)
LABELS = torch.tensor([0, 1, 1, 0])


@pytest.fixture
def made():
    torch.manual_seed(0)
    part = Ensemble(member=(CVIT, Vector(input="beside", length=5)), layer_norm=(True, False))
    return part, part.build(BuildContext(image_size=32))


@pytest.fixture
def given():
    draw = torch.Generator().manual_seed(1)
    return torch.rand(4, 3, 32, 32, generator=draw), torch.randn(4, 5, generator=draw)


def of_labels(outputs):
    return cross_entropy(outputs.logits, LABELS)


def test_the_logits_are_the_mean_of_those_of_its_members(made, given):
    _, detector = made
    images, beside = given
    outputs = detector.eval()(images, beside=beside)
    first = detector.heads[0](detector.encoders[0](images))
    second = detector.heads[1](beside)
    torch.testing.assert_close(outputs.logits, (first + second) / 2)
    torch.testing.assert_close(outputs.extra["ensemble.logits"], torch.stack([first, second], 1))


def test_each_member_learns_as_if_it_were_alone(made, given):
    _, detector = made
    images, beside = given
    alone = copy.deepcopy(detector)
    detector.training_loss(images, {"beside": beside}, of_labels).backward()
    cross_entropy(alone.heads[0](alone.encoders[0](images)), LABELS).backward()
    cross_entropy(alone.heads[1](beside), LABELS).backward()
    learnt = dict(detector.named_parameters())
    assert learnt
    for name, parameter in alone.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(2 * learnt[name].grad, parameter.grad)


def test_what_its_members_read_is_what_it_reads(made):
    assert made[0].reads == {"beside"}


def test_as_many_layer_norms_as_members():
    with pytest.raises(ValidationError, match="each of the 2 members, or none; got 1"):
        Ensemble(member=(CVIT, CVIT), layer_norm=(True,))
    assert not any(isinstance(one, nn.LayerNorm) for one in heads(Ensemble(member=(CVIT, CVIT))))


def test_a_rate_for_each_head():
    part = Ensemble(member=(CVIT, CVIT), head_rate=(1, 0.25))
    detector = part.build(BuildContext(image_size=32))
    optimiser = make_optimiser(detector, TrainingSettings(learning_rate=0.4))
    rate_of = {id(one): group["lr"] for group in optimiser.param_groups for one in group["params"]}
    rates = {name: rate_of[id(one)] for name, one in detector.named_parameters()}
    assert {rate for name, rate in rates.items() if name.startswith("heads.1.")} == {0.1}
    assert {rate for name, rate in rates.items() if not name.startswith("heads.1.")} == {0.4}


def heads(part):
    return part.build(BuildContext(image_size=32)).heads


def test_one_member_is_no_ensemble():
    with pytest.raises(ValidationError, match="at least 2"):
        Ensemble(member=(CVIT,))


def test_a_member_of_clips_is_refused():
    found = list(Ensemble(member=(CVIT, FrameMean(image=CVIT))).misfits(BuildContext()))
    assert [one.field for one in found] == ["member.1"]


def test_a_recipe_names_its_members():
    text = """
        recipe = 1
        [detector]
        use = "ensemble"
        [[detector.member]]
        use = "cvit"
        [[detector.member]]
        use = "srm-noise"
        [[loss]]
        use = "cross-entropy"
    """
    recipe = read_recipe_text(text, "recipe.toml", plugins=discover(), registry=read_registry())
    assert [member.use for member in recipe.detector.member] == ["cvit", "srm-noise"]


def test_a_member_is_not_handed_what_another_reads(given):
    class Deaf(nn.Module):
        def forward(self, images):
            return images.mean((2, 3))

    class Hears(nn.Module):
        def forward(self, images, beside):
            return beside

    detector = EnsembleDetector(
        [Member(Deaf(), 3, frozenset(), False), Member(Hears(), 5, frozenset({"beside"}), False)]
    )
    images, beside = given
    assert detector(images, beside=beside).logits.shape == (4, 2)
