import pytest
import torch
from pydantic import ValidationError

from mfclip.detector.outputs import Outputs, Targets
from mfclip.parts import BuildContext
from mfclip_spa.plugin import CrossModal, InfoNce, Spa, mfclip_alignments, mfclip_losses

CONTEXT = BuildContext(batch_size=6, prompts=3, width=8)


def test_hooks_offer_the_parts():
    assert {part.model_fields["use"].default for part in mfclip_alignments()} == {"spa", "infonce"}
    assert [part.model_fields["use"].default for part in mfclip_losses()] == ["cross-modal"]


@pytest.mark.parametrize(
    "part",
    [
        Spa(),
        Spa(gate="softmax"),
        Spa(index="prompt"),
        Spa(index="prompt", gate="softmax"),
        Spa(index="features"),
        Spa(per_direction=True),
        Spa(max_batch=9),
        InfoNce(),
    ],
    ids=repr,
)
def test_every_parameter_learns_from_the_loss(part):
    module = part.build(CONTEXT)
    visual, text = torch.randn(2, 6, 8, requires_grad=True)
    prompt = torch.tensor([0, 1, 2, 0, 1, 2])
    outputs = Outputs(torch.zeros(6, 2), visual, text, similarity=module(visual, text, prompt))
    CrossModal().build(CONTEXT)(outputs, Targets(torch.zeros(6), prompt)).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_takes_its_size_from_the_context():
    assert Spa().build(CONTEXT).pairs.weight.shape == (6, 6)
    assert Spa(max_batch=9).build(CONTEXT).pairs.weight.shape == (9, 9)
    assert Spa(index="prompt").build(CONTEXT).pairs.weight.shape == (3, 3)
    assert Spa(index="features", rank=4).build(CONTEXT).pairs.image.shape == (8, 4)


def test_settings_reach_the_module():
    module = Spa(gate="softmax", temperature=0.2, initial_gate=0.9).build(CONTEXT)
    assert module.gate == "softmax"
    assert module.temperature().item() == pytest.approx(5)
    assert module.pairs.weight.sigmoid().mean().item() == pytest.approx(0.9)
    assert InfoNce(temperature=0.2).build(CONTEXT).temperature().item() == pytest.approx(5)


def test_fits_by_default():
    assert not list(Spa().misfits(CONTEXT))
    assert not list(Spa(index="prompt").misfits(CONTEXT))


def test_a_smaller_than_the_batch_is_a_misfit():
    (misfit,) = Spa(max_batch=5).misfits(CONTEXT)
    assert misfit.field == "max_batch"
    assert "is 5, but the training's batches hold 6 pairs" in misfit.message


def test_largest_batch_of_the_prompt_form_is_a_misfit():
    (misfit,) = Spa(index="prompt", max_batch=24).misfits(CONTEXT)
    assert misfit.field == "max_batch"


@pytest.mark.parametrize("value", [{"temperature": 0.001}, {"initial_gate": 1}, {"gate": "both"}])
def test_values_out_of_range_are_refused(value):
    with pytest.raises(ValidationError, match=next(iter(value))):
        Spa(**value)
