"""A part that fails is named with its plugin; what is not its fault passes unchanged."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip import parts
from mfclip.detector.assemble import LossTerm, assemble, build_part, losses
from mfclip.detector.failures import ADVICE, blaming, naming_parts
from mfclip.detector.model import VisionLanguageDetector
from mfclip.detector.outputs import Outputs, Targets
from mfclip.detector.shapes import checking_shapes
from mfclip.detector.whole import PluginDetector
from mfclip.errors import PluginError, TrainingError
from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.training.objective import Objective

PLUGIN = """
    from typing import Literal
    from pydantic import SerializeAsAny
    from mfclip import ImageEncoder, hookimpl

    class AcmeVit(ImageEncoder):
        '''An encoder of a third party that fails as it is told.'''
        use: Literal["acme-vit"] = "acme-vit"
        in_build: str = ""
        gives: int = 8

        @property
        def width(self):
            return 8

        def build(self, context):
            import torch
            from torch import nn

            class Model(nn.Module):
                def __init__(self, gives):
                    super().__init__()
                    self.gives = gives

                def forward(self, images):
                    if not self.gives:
                        raise ZeroDivisionError("no luck today")
                    return images.new_zeros(len(images), self.gives)

            if self.in_build == "raise":
                raise KeyError("weights")
            if self.in_build == "exit":
                raise SystemExit(3)
            if self.in_build == "memory":
                raise torch.OutOfMemoryError("GPU full")
            return "model" if self.in_build == "text" else Model(self.gives)

    class AcmePair(ImageEncoder):
        '''Holds another encoder and sums what it gives.'''
        use: Literal["acme-pair"] = "acme-pair"
        image: SerializeAsAny[ImageEncoder] = AcmeVit()

        @property
        def width(self):
            return 8

        def build(self, context):
            from torch import nn

            class Pair(nn.Module):
                def __init__(self, image):
                    super().__init__()
                    self.image = image

                def forward(self, images):
                    return self.image(images) + images.new_zeros(len(images), 8)

            return Pair(self.image.build(context))

    @hookimpl
    def mfclip_encoders():
        return [AcmeVit, AcmePair]
"""
OWNER = r"of plugin 'acme' \(acme-encoder 0\.1, acme_plugin\.AcmeVit\)"
VIT = rf"vision: encoder 'acme-vit' {OWNER}"
INNER = rf"vision\.image: encoder 'acme-vit' {OWNER}"


@pytest.fixture
def recipe(install_plugin):
    """A recipe whose vision is the third party's encoder, with options of it."""
    install_plugin(PLUGIN, distribution="acme-encoder")
    plugins, registry = discover(), read_registry()

    def read(use="acme-vit", **options):
        lines = [f"{key} = {value!r}" for key, value in options.items()]
        table = "vision.image" if use == "acme-pair" else "vision"
        text = f'recipe = 1\n[vision]\nuse = "{use}"\n'
        text += f'[{table}]\nuse = "acme-vit"\n' if use == "acme-pair" else ""
        text += "\n".join(lines) + '\n[[loss]]\nuse = "cross-entropy"\n'
        return read_recipe_text(text, "r.toml", plugins=plugins, registry=registry)

    return read


def test_a_failing_build_names_part_plugin_distribution_and_version(recipe):
    with pytest.raises(PluginError, match=f"^{VIT} could not be built: KeyError: 'weights' ") as e:
        assemble(recipe(in_build="raise"), None)
    assert isinstance(e.value.__cause__, KeyError)
    assert "(acme_plugin.py:" in str(e.value)
    assert str(e.value).endswith(ADVICE)


def test_a_part_inside_another_one_is_the_one_named(recipe):
    with pytest.raises(PluginError, match=f"^{INNER} could not be built: KeyError"):
        assemble(recipe("acme-pair", in_build="raise"), None)


def test_an_exit_in_build_does_not_end_the_program(recipe):
    with pytest.raises(PluginError, match=f"^{VIT} could not be built: SystemExit: 3"):
        assemble(recipe(in_build="exit"), None)


def test_a_build_that_gives_something_else_is_refused(recipe):
    wrong = r"built a value of type str; expected a torch\.nn\.Module\."
    with pytest.raises(PluginError, match=f"^{VIT} {wrong}"):
        assemble(recipe(in_build="text"), None)


def test_a_full_memory_is_not_the_parts_fault(recipe):
    with pytest.raises(torch.OutOfMemoryError, match="GPU full"):
        assemble(recipe(in_build="memory"), None)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("full"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        TrainingError("the loss is not finite"),
        KeyboardInterrupt(),
    ],
)
def test_what_is_no_fault_of_a_part_passes_unchanged(error):
    with pytest.raises(type(error)) as caught, blaming("vision: encoder 'x'", "failed"):
        raise error
    assert caught.value is error


def test_an_error_of_the_machine_is_named_without_accusing_the_author():
    with pytest.raises(PluginError) as caught, blaming("data: dataset 'x'", "could not be built"):
        raise OSError(28, "No space left on device")
    assert "No space left on device" in str(caught.value)
    assert ADVICE not in str(caught.value)


def test_a_failing_forward_names_the_part(recipe):
    detector = assemble(recipe(gives=0), None)
    expected = f"^{VIT} failed in its forward pass: ZeroDivisionError: no luck today "
    with pytest.raises(PluginError, match=expected) as caught, naming_parts(detector):
        detector(torch.rand(2, 3, 8, 8))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failing_forward_inside_another_part_names_the_inner_one(recipe):
    detector = assemble(recipe("acme-pair", gives=0), None)
    with pytest.raises(PluginError, match=f"^{INNER} failed"), naming_parts(detector):
        detector(torch.rand(2, 3, 8, 8))


def test_a_wrong_shape_is_a_plugin_error_with_the_owner(recipe):
    detector = assemble(recipe(gives=5), None)
    expected = rf"^{VIT} returned a tensor of shape \(2, 5\); expected a tensor of shape \(2, 8\)"
    with pytest.raises(PluginError, match=expected), naming_parts(detector):
        detector(torch.rand(2, 3, 8, 8))


def test_a_wrong_shape_that_broadcasts_inside_another_part_is_found_when_looked_at(recipe):
    read = recipe("acme-pair", gives=1)
    detector = assemble(read, None)
    assert detector(torch.rand(2, 3, 8, 8)).visual.shape == (2, 8), "broadcasting hides it"
    expected = rf"^{INNER} returned a tensor of shape \(2, 1\); expected a tensor of shape \(2, 8\)"
    with pytest.raises(PluginError, match=expected), checking_shapes(detector, read):
        detector(torch.rand(2, 3, 8, 8))
    assert not detector.vision.image._forward_hooks, "the check leaves nothing behind"


def test_an_error_outside_of_every_part_passes_unchanged(recipe):
    detector = assemble(recipe(), None)
    with pytest.raises(ValueError, match="ours"), naming_parts(detector):
        raise ValueError("ours")


class Failing(nn.Module):
    def forward(self, *_: object) -> None:
        raise ValueError("no luck")


def test_a_failing_loss_and_a_whole_detector_are_named(recipe):
    outputs, targets = Outputs(torch.zeros(2, 2)), Targets(torch.zeros(2), torch.zeros(2))
    objective = Objective([LossTerm("odd", 1, Failing(), "loss.0: loss 'odd' of plugin 'acme'")])
    with (
        pytest.raises(PluginError, match=r"^loss\.0: loss 'odd' of plugin 'acme' failed"),
        naming_parts(objective),
    ):
        objective(outputs, targets)
    whole = PluginDetector(Failing(), "detector: detector 'acme'")
    with (
        pytest.raises(PluginError, match=r"^detector: detector 'acme' failed"),
        naming_parts(whole),
    ):
        whole(torch.rand(2, 3, 8, 8))


def test_the_terms_of_a_recipe_carry_their_labels(recipe):
    (term,) = losses(recipe())
    assert term.label.startswith("loss.0: loss 'cross-entropy' of plugin 'mfclip_losses' (mfclip ")


def test_the_forward_pass_compiles_whole_within_the_guard(recipe):
    vision = nn.Sequential(nn.Flatten(), nn.Linear(192, 8))
    detector = VisionLanguageDetector(vision, 8, labels={"vision": "vision: encoder 'x'"}).eval()
    compiled = torch.compile(detector, backend="eager", fullgraph=True)
    images = torch.rand(2, 3, 8, 8)
    with naming_parts(detector):
        logits = compiled(images).logits
    assert torch.equal(logits, detector(images).logits)


def test_other_things_than_modules_can_be_built(recipe):
    part = recipe().vision
    with pytest.raises(PluginError, match=r"expected a builtins\.int"):
        build_part(part, "vision", BuildContext(), int)


def test_alignments_and_whole_detectors_are_looked_at_too(recipe):
    class Odd(nn.Module):
        def forward(self, *given):
            return torch.zeros(len(given[0]), 3)

    whole = PluginDetector(Odd(), "detector: detector 'odd'")
    read = recipe().model_copy(update={"vision": None, "detector": _part("Detector")})
    expected = r"^detector: detector 'odd' returned a tensor of shape \(2, 3\)"
    with pytest.raises(PluginError, match=expected), checking_shapes(whole, read):
        whole.inner(torch.rand(2, 3, 8, 8))
    both = assemble(recipe(), None)
    both.alignment = Odd()
    read = recipe().model_copy(update={"alignment": _part("Alignment")})
    with (
        pytest.raises(PluginError, match=r"^alignment, v2l, returned a value of type NoneType"),
        checking_shapes(both, read),
    ):
        both.alignment(torch.rand(2, 8), torch.rand(2, 8), torch.arange(2))


def _part(base):
    """A part of that base that builds nothing."""
    body = {"build": lambda self, context: None, "use": "odd", "__annotations__": {"use": str}}
    return type("Odd", (getattr(parts, base),), body)()
