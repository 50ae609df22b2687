"""A stranger's loss that reads an output of a stranger's detector: loaded, checked, trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mfclip.detector.assemble import assemble, losses
from mfclip.detector.outputs import Targets
from mfclip.errors import PluginError, RecipeError
from mfclip.plugins.discovery import Plugins, discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.testing import ConformanceError, check_part, part_checks
from mfclip.training.objective import Objective

PLUGIN = '''
    from collections.abc import Mapping
    from typing import ClassVar, Literal

    from mfclip import hookimpl
    from mfclip.parts import BuildContext, Detector, Loss

    class AcmeWhole(Detector):
        """A detector with a map of where it looks."""

        gives: ClassVar[frozenset[str]] = frozenset({"logits", "acme.map"})
        use: Literal["acme-whole"] = "acme-whole"
        """Name of the part."""

        def build(self, context: BuildContext):
            from acme_modules import Whole
            return Whole()

    class AcmeSmooth(Loss):
        """Maps should be smooth where faces are real."""

        needs: ClassVar[frozenset[str]] = frozenset({"acme.map"})
        shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {"acme.map": ("batch", 1, 8, 8)}
        use: Literal["acme-smooth"] = "acme-smooth"
        """Name of the part."""

        def build(self, context: BuildContext):
            from acme_modules import Smooth
            return Smooth()

    @hookimpl
    def mfclip_detectors():
        return [AcmeWhole]

    @hookimpl
    def mfclip_losses():
        return [AcmeSmooth]
'''
MODULES = """
    import torch
    from torch import nn
    from mfclip.detector.outputs import Outputs

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.look = nn.Conv2d(3, 4, 3, padding=1)
            self.map = nn.Conv2d(4, 1, 1)
            self.head = nn.Linear(4, 2)
            self.pool = nn.AdaptiveAvgPool2d(8)

        def forward(self, images):
            seen = self.pool(nn.functional.gelu(self.look(images)))
            extra = {"acme.map": self.map(seen)}
            return Outputs(self.head(seen.mean((2, 3))), extra=extra)

    class Smooth(nn.Module):
        def forward(self, outputs, targets):
            found = outputs.extra["acme.map"]
            rough = found.diff(dim=-1).square().mean((1, 2, 3)) + found.square().mean((1, 2, 3))
            return (rough * (1.5 - targets.label)).mean()
"""
RECIPE = """
recipe = 1
detector = {{ use = "{detector}" }}
preprocessing.size = 64
data = {{ use = "sample" }}
training.epochs = 1
[[loss]]
use = "cross-entropy"
[[loss]]
use = "acme-smooth"
"""


@pytest.fixture
def installed(install_plugin):
    def install(modules: str = MODULES, plugin: str = PLUGIN) -> Plugins:
        install_plugin(plugin, files={"acme_modules.py": modules})
        plugins = discover()
        assert plugins.broken == ()
        return plugins

    return install


def schema(plugins: Plugins, kind: str, name: str) -> Any:
    offer = plugins.get(kind, name)
    assert offer is not None
    return offer.schema


@pytest.mark.parametrize(("kind", "name"), [("loss", "acme-smooth"), ("detector", "acme-whole")])
def test_sound_parts_pass_every_check(installed, kind, name):
    part = schema(installed(), kind, name)
    checks = part_checks(part)
    assert len(checks) > 18
    for check in checks:
        check()


BROKEN = [
    (
        "loss",
        "acme-smooth",
        'extra["acme.map"]',
        'extra["acme.mask"]',
        "needs-only: the loss reads",
    ),
    (
        "loss",
        "acme-smooth",
        "(1.5 - targets.label)",
        "torch.arange(len(rough))",
        "order-independent: the order of the samples changes the loss",
    ),
    (
        "loss",
        "acme-smooth",
        "return (rough",
        "return (rough.detach()",
        "gradients-reach-outputs",
    ),
    (
        "detector",
        "acme-whole",
        '{"acme.map": self.map(seen)}',
        '{"acme.mask": self.map(seen)}',
        "gives-in-training: outputs in `gives` are absent in training: acme.map",
    ),
    (
        "detector",
        "acme-whole",
        "self.map(seen)}",
        "self.map(seen).log()}",
        "gives-in-training: the output 'acme.map' cannot be read by a loss",
    ),
    (
        "detector",
        "acme-whole",
        "self.map(seen)}",
        "[1]}",
        "the output 'acme.map' cannot be read by a loss; received a value of type list",
    ),
]


@pytest.mark.parametrize(("kind", "name", "sound", "broken", "told"), BROKEN)
def test_a_broken_part_is_caught(installed, kind, name, sound, broken, told):
    assert sound in MODULES
    part = schema(installed(MODULES.replace(sound, broken)), kind, name)
    with pytest.raises(ConformanceError) as caught:
        check_part(part)
    assert told in str(caught.value)


def read(plugins: Plugins, detector: str = "acme-whole"):
    text = RECIPE.format(detector=detector)
    return read_recipe_text(text, "recipe", plugins=plugins, registry=read_registry())


def forward(recipe: Any):
    detector = assemble(recipe, None).train()
    outputs = detector(torch.rand(4, 3, 64, 64))
    targets = Targets(torch.tensor([0, 1, 0, 1]), torch.zeros(4, dtype=torch.int64))
    return Objective(losses(recipe))(outputs, targets), detector


def test_both_train_together(installed):
    (total, terms), detector = forward(read(installed()))
    total.backward()
    assert terms[0] + terms[1] == pytest.approx(float(terms[2]))
    assert detector.inner.map.weight.grad.any()


def test_a_detector_that_does_not_give_it_is_told_in_the_recipe(installed):
    plugins = installed(plugin=PLUGIN.replace('{"logits", "acme.map"}', '{"logits", "acme.mask"}'))
    with pytest.raises(RecipeError) as caught:
        read(plugins)
    assert str(caught.value) == (
        "recipe:10: loss.1: 'acme-smooth' reads the output 'acme.map', which 'acme-whole' does not "
        "give\n    it gives: acme.mask, logits"
    )


def test_a_recipe_without_a_whole_detector_cannot_give_it(installed):
    text = RECIPE.format(detector="").replace(
        'detector = { use = "" }', 'vision = { use = "cvit" }'
    )
    with pytest.raises(RecipeError, match="the recipe needs a \\[detector\\] that does"):
        read_recipe_text(text, "recipe", plugins=installed(), registry=read_registry())


def test_a_detector_that_breaks_its_word_is_named_in_training(installed):
    plugins = installed(MODULES.replace('{"acme.map"', '{"acme.mask"'))
    with pytest.raises(PluginError, match=r"detector 'acme-whole' of .* gave no 'acme.map' in"):
        forward(read(plugins))
