import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_losses.parts import CrossEntropy, LanguageKl, UniformityAlignment
from mfclip_losses.plugin import mfclip_losses


def test_hook_offers_the_parts():
    names = {part.model_fields["use"].default for part in mfclip_losses()}
    assert names == {"cross-entropy", "focal", "language-kl", "uniformity-alignment"}


def test_needs_are_what_each_reads():
    assert CrossEntropy.needs == {"logits"}
    assert LanguageKl.needs == {"text", "predicted_text"}
    assert UniformityAlignment.needs == {"visual"}


def test_settings_reach_the_module():
    module = LanguageKl(temperature=2, detach_target=True).build(BuildContext())
    assert module.temperature == 2
    assert module.detach_target
    assert CrossEntropy(smoothing=0.2).build(BuildContext()).smoothing == 0.2
    sphere = UniformityAlignment(alignment=0.1, uniformity=0.5, alpha=1, t=3).build(BuildContext())
    assert (sphere.alignment, sphere.uniformity, sphere.alpha, sphere.t) == (0.1, 0.5, 1, 3)


def test_losses_have_nothing_to_learn():
    for part in mfclip_losses():
        module = part().build(BuildContext())
        assert isinstance(module, torch.nn.Module)
        assert not list(module.parameters())


@pytest.mark.parametrize("value", [{"temperature": 0}, {"weight": -1}])
def test_values_out_of_range_are_refused(value):
    with pytest.raises(ValidationError, match=next(iter(value))):
        LanguageKl(**value)


@pytest.mark.parametrize("value", [{"smoothing": 1}, {"smoothing": -0.1}])
def test_a_label_keeps_something_of_its_own(value):
    with pytest.raises(ValidationError, match="smoothing"):
        CrossEntropy(**value)


@pytest.mark.parametrize("value", [{"alpha": 0.5}, {"t": 0}, {"alignment": -1}, {"uniformity": -1}])
def test_settings_of_the_sphere_out_of_range_are_refused(value):
    with pytest.raises(ValidationError, match=next(iter(value))):
        UniformityAlignment(**value)


def test_a_loss_of_no_term_is_refused():
    with pytest.raises(ValidationError, match="a loss needs a term: got alignment 0 and uniform"):
        UniformityAlignment(alignment=0, uniformity=0)


def test_declaring_the_parts_does_not_load_torch():
    code = "import sys, mfclip_losses.plugin; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
