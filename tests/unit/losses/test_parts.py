import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_losses.parts import CrossEntropy, LanguageKl
from mfclip_losses.plugin import mfclip_losses


def test_hook_offers_the_parts():
    names = {part.model_fields["use"].default for part in mfclip_losses()}
    assert names == {"cross-entropy", "language-kl"}


def test_needs_are_what_each_reads():
    assert CrossEntropy.needs == {"logits"}
    assert LanguageKl.needs == {"text", "predicted_text"}


def test_settings_reach_the_module():
    module = LanguageKl(temperature=2, detach_target=True).build(BuildContext())
    assert module.temperature == 2
    assert module.detach_target


def test_losses_have_nothing_to_learn():
    for part in mfclip_losses():
        module = part().build(BuildContext())
        assert isinstance(module, torch.nn.Module)
        assert not list(module.parameters())


@pytest.mark.parametrize("value", [{"temperature": 0}, {"weight": -1}])
def test_values_out_of_range_are_refused(value):
    with pytest.raises(ValidationError, match=next(iter(value))):
        LanguageKl(**value)


def test_declaring_the_parts_does_not_load_torch():
    code = "import sys, mfclip_losses.plugin; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
