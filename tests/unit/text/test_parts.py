import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_text.parts import Fle, HierarchicalPrompts
from mfclip_text.plugin import mfclip_encoders, mfclip_prompts


def test_hooks_offer_the_parts():
    offered = [*mfclip_encoders(), *mfclip_prompts()]
    assert [part.model_fields["use"].default for part in offered] == ["fle", "hierarchical"]


def test_defaults_are_the_papers():
    with torch.device("meta"):
        encoder = Fle().build(BuildContext(sentences=4))
    assert Fle().width == 512
    assert len(encoder.blocks) == 6
    assert encoder.positions.shape == (1, 308, 512)
    assert encoder.words.weight.shape == (49408, 512)
    assert encoder.blocks[0].heads == 8
    assert encoder.blocks[0].mlp[0].out_features == 2048


def test_size_follows_the_settings():
    encoder = Fle(dim=16, heads=4, layers=3, mlp=24).build(BuildContext(sentences=2))
    assert len(encoder.blocks) == 3
    assert encoder.positions.shape == (1, 154, 16)
    assert encoder.blocks[2].mlp[0].out_features == 24


def test_every_parameter_learns(tokens):
    encoder = Fle(dim=8, heads=2, layers=2, mlp=16).build(BuildContext())
    (encoder(tokens) * torch.randn(4, 8)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="multiple of heads, got dim 10 and heads 4"):
        Fle(dim=10, heads=4)


@pytest.mark.parametrize("levels", [0, 5])
def test_levels_are_one_to_four(levels):
    with pytest.raises(ValidationError, match="levels"):
        HierarchicalPrompts(levels=levels)


def test_prompts_survive_a_round_trip():
    prompts = HierarchicalPrompts(levels=2, level_1={"real": "a true face"}, forgeries={"X": "y"})
    assert HierarchicalPrompts.model_validate(prompts.model_dump(mode="json")) == prompts


def test_declaring_the_parts_does_not_load_torch():
    code = "import sys, mfclip_text.plugin; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rendering_does_not_load_torch():
    code = (
        "import sys; from mfclip.parts import BuildContext\n"
        "from mfclip_text.parts import HierarchicalPrompts\n"
        "HierarchicalPrompts().build(BuildContext()); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
