"""What parts of a plugin may say for themselves, from the recipe to a scored image.

One plugin uses all of it: an input made of the image and one named in a column of the manifest, a
whole detector with a tokeniser, outputs and hooks of its own, and a loss that reads them.
"""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.testing import ConformanceError, check_part, part_checks

MODULES = """
    import torch
    from torch import nn
    from mfclip.detector.outputs import Outputs
    from mfclip.detector.protocols import ParameterGroup

    CALLS = []

    class Detector(nn.Module):
        def __init__(self, vocabulary):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, 2, 1)
            self.residual = nn.Conv2d(1, 4, 3, 2, 1)
            self.frozen = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
            self.frozen.requires_grad_(False)
            self.words = nn.Embedding(vocabulary, 4)
            self.decoder = nn.Conv2d(4, 1, 1)
            self.head = nn.Linear(4, 2)
            self.register_buffer("mean", torch.zeros(3))

        def parameter_groups(self):
            return [ParameterGroup("stem", rate=0.1), ParameterGroup("head", decay=0.0)]

        def before_epoch(self, epoch, batches):
            seen = torch.cat([batch.images.mean((2, 3)) for batch in batches])
            self.mean.copy_(seen.mean(0))
            CALLS.append(("epoch", epoch, len(seen)))

        def forward(self, images, acme_residual, tokens=None, label=None, progress=None):
            x = self.stem(images - self.mean[:, None, None]) + self.residual(acme_residual)
            x = self.frozen(x)
            logits = self.head(x.mean((2, 3)))
            if not self.training:
                return Outputs(logits)
            CALLS.append(("forward", self.frozen.training, progress, tuple(tokens.shape)))
            words = self.words(tokens).mean((1, 2))
            return Outputs(logits, extra={"acme.map": self.decoder(x), "acme.words": words})

        def training_loss(self, images, reads, loss):
            first = loss(self(images, **reads))
            return (first + loss(self(images.flip(-1), **reads))) / 2

    class MapLoss(nn.Module):
        def forward(self, outputs, targets):
            mask = nn.functional.interpolate(targets.named["acme.mask"], scale_factor=0.5)
            words = outputs.extra["acme.words"].square().mean()
            return (outputs.extra["acme.map"] - mask).square().mean() + words
"""
PLUGIN = """
    from typing import ClassVar, Literal
    import mfclip
    from mfclip import hookimpl

    class Words:
        length = 12
        def tokens(self, sentence):
            return [1 + hash_of(word) % 50 for word in sentence.split()[:12]]

    def hash_of(word):
        return sum(map(ord, word))

    class Residual(mfclip.Input):
        \"\"\"What a pixel differs from its left neighbour by.\"\"\"
        use: Literal["acme.residual"] = "acme.residual"
        \"\"\"Name of the part.\"\"\"
        def build(self, context):
            import torch
            def make(source):
                grey = source.image.float().mean(0, keepdim=True) / 255
                return (grey - grey.roll(1, -1)).abs()
            return make

    class Mask(mfclip.Input):
        \"\"\"The mask that the manifest names.\"\"\"
        use: Literal["acme.mask"] = "acme.mask"
        \"\"\"Name of the part.\"\"\"
        @property
        def columns(self):
            return ("mask",)
        def build(self, context):
            import numpy, torch
            from PIL import Image
            def make(source):
                name = source.cells["mask"]
                if not name:
                    return torch.zeros(1, *source.image.shape[-2:], dtype=torch.uint8)
                grey = Image.open(source.root / name).convert("L")
                return torch.from_numpy(numpy.array(grey))[None]
            return make

    class Whole(mfclip.Detector):
        \"\"\"Reads everything.\"\"\"
        reads: ClassVar = frozenset({"acme.residual", "tokens", "label", "progress"})
        gives: ClassVar = frozenset({"logits", "acme.map", "acme.words"})
        shapes: ClassVar = {"acme.map": ("batch", 1, "h", "w"), "acme.words": ("batch", 4)}
        training_only: ClassVar = frozenset({"decoder", "words"})
        use: Literal["acme.whole"] = "acme.whole"
        \"\"\"Name of the part.\"\"\"
        def tokeniser(self):
            return Words()
        def build(self, context):
            from acme_modules import Detector
            return Detector(60)

    class MapLoss(mfclip.Loss):
        \"\"\"Holds the map to the mask.\"\"\"
        needs: ClassVar = frozenset({"acme.map", "acme.words"})
        shapes: ClassVar = {"acme.map": ("batch", 1, 32, 32)}
        reads: ClassVar = frozenset({"acme.mask"})
        use: Literal["acme.map-loss"] = "acme.map-loss"
        \"\"\"Name of the part.\"\"\"
        def build(self, context):
            from acme_modules import MapLoss
            return MapLoss()

    @hookimpl
    def mfclip_inputs():
        return [Residual, Mask]
    @hookimpl
    def mfclip_detectors():
        return [Whole]
    @hookimpl
    def mfclip_losses():
        return [MapLoss]
"""
RECIPE = """
recipe = 1
[detector]
use = "acme.whole"
[prompts]
use = "hierarchical"
levels = 2
[[input]]
use = "acme.residual"
[[input]]
use = "acme.mask"
[[loss]]
use = "cross-entropy"
[[loss]]
use = "acme.map-loss"
[preprocessing]
size = 32
[data]
use = "manifest"
root = "ROOT"
findings = "warn"
[augmentation]
mirror = 0.5
crop = 0.2
[training]
epochs = 2
batch_size = 5
workers = 0
average = 0.5
checkpoint_steps = 1
optimiser = "sgd"
learning_rate = 0.01
precision = "fp32"
[evaluation]
bootstrap = 100
"""


@pytest.fixture
def plugins(install_plugin):
    def install(modules=MODULES, plugin=PLUGIN):
        sys.modules.pop("acme_modules", None)
        install_plugin(plugin, plugin="acme", files={"acme_modules.py": modules})
        return discover()

    return install


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "data"
    root.mkdir()
    draw, rows = np.random.default_rng(0), []
    for number in range(24):
        fake = number % 2 == 1
        pixels = draw.integers(0, 200, (32, 32, 3), dtype=np.uint8)
        if fake:
            pixels[8:24, 8:24] //= 2
        Image.fromarray(pixels).save(root / f"{number:02}.png")
        further = (("mask", f"mask-{number:02}.png" if fake else ""),)
        if fake:
            mask = np.zeros((32, 32), np.uint8)
            mask[8:24, 8:24] = 255
            Image.fromarray(mask).save(root / f"mask-{number:02}.png")
        label = (
            HierarchicalLabel("fake", "AM", "GAN", "acme") if fake else HierarchicalLabel("real")
        )
        split = ("train", "train", "val", "test")[number // 2 % 4]
        rows.append(
            Row(root.joinpath(f"{number:02}.png").relative_to(root), label, split, further=further)
        )
    write_manifest(Manifest(root, tuple(rows)), root / "manifest.csv")
    return root


def recipe_of(text, plugins):
    return read_recipe_text(text, "recipe", plugins=plugins, registry=read_registry())


def built(tmp_path, data, plugins, *, name="run", **how):
    recipe = recipe_of(RECIPE.replace("ROOT", str(data)), plugins)
    build(recipe, tmp_path / name, plugins=plugins, events=Silent(), device="cpu", **how)
    return tmp_path / name


def test_everything_reaches_everybody(tmp_path, data, plugins):
    offers = plugins()
    run = built(tmp_path, data, offers)
    from acme_modules import CALLS

    epochs = [call for call in CALLS if call[0] == "epoch"]
    assert epochs == [("epoch", 0, 12), ("epoch", 1, 12)]
    forwards = [call for call in CALLS if call[0] == "forward"]
    steps = [call for call in forwards if call[3] != (1,)]
    assert {call[1] for call in steps} == {False}, "a frozen module stays in evaluation mode"
    expected = [step / 6 for step in range(6) for _ in range(2)]
    told = "progress of each forward pass, two a step"
    assert [call[2] for call in steps] == pytest.approx(expected), told
    assert {call[3][1:] for call in steps} == {(2, 12)}, "its own tokens, (B, S, L)"
    table = json.loads((run / "prompts.json").read_text())
    assert table["context"] == 12
    (file,) = tmp_path.rglob("history.jsonl")
    history = [json.loads(line) for line in file.read_text().splitlines()]
    assert set(history[0]["losses"]) == {"cross-entropy", "acme.map-loss", "total"}


def test_the_bundle_scores_as_the_build_did_and_without_what_only_training_needs(
    tmp_path, data, plugins
):
    offers = plugins()
    runs = [
        built(tmp_path, data, offers, name="whole"),
        built(tmp_path, data, offers, name="slim", text_side=False),
    ]
    sizes = [(run / "model.safetensors").stat().st_size for run in runs]
    assert sizes[1] < sizes[0]
    table = list(csv.DictReader((runs[0] / "scores-test.csv").open()))
    files = [data / row["path"] for row in table]
    scores = [[score.p_fake for score in load(run).score(files)] for run in runs]
    assert scores[0] == scores[1]
    assert np.allclose(scores[0], [float(row["p_fake"]) for row in table], atol=1e-6)


def test_inputs_are_kept_by_content_and_made_once(tmp_path, data, plugins):
    built(tmp_path, data, plugins())
    kept = sorted((tmp_path / "cache/inputs").rglob("*.npy"))
    names = [file.relative_to(tmp_path / "cache/inputs").parts[0] for file in kept]
    assert sum(name.startswith("acme.residual-") for name in names) == 24
    assert sum(name.startswith("acme.mask-") for name in names) == 12  # the training split
    before = {file: file.stat().st_mtime_ns for file in kept}
    built(tmp_path, data, discover(), name="again")
    assert {file: file.stat().st_mtime_ns for file in sorted(before)} == before


def test_every_part_of_it_passes_the_conformance_suite(plugins, data):
    offers = [offer for offer in plugins().offers if offer.name.startswith("acme.")]
    assert len(offers) == 4
    for offer in offers:
        check_part(offer.schema())


BROKEN = {
    "the truth has no default": (
        "tokens=None, label=None",
        "tokens, label",
        "acme.whole",
        "works-without-truth",
    ),
    "forward does not take what it reads": (
        "acme_residual, tokens=None",
        "other, tokens=None",
        "acme.whole",
        "reads-known",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_suite_catches_a_broken_detector(name, plugins):
    sound, broken, part, check = BROKEN[name]
    assert sound in MODULES
    offers = plugins(MODULES.replace(sound, broken))
    schema = next(offer.schema for offer in offers.offers if offer.name == part)
    (found,) = [one for one in part_checks(schema()) if one.name == check]
    with pytest.raises(ConformanceError):
        found()


BROKEN_INPUTS = {
    "makes-one-kind": ("return (grey - grey.roll(1, -1)).abs()", "return grey[0]"),
    "made-the-same": (
        "return (grey - grey.roll(1, -1)).abs()",
        "return torch.rand(1, *grey.shape[-2:])",
    ),
    "source-untouched": ("grey = source.image", "source.image.zero_(); grey = source.image"),
}


@pytest.mark.parametrize("check", BROKEN_INPUTS)
def test_the_suite_catches_a_broken_input(check, plugins):
    sound, broken = BROKEN_INPUTS[check]
    assert sound in PLUGIN
    offers = plugins(plugin=PLUGIN.replace(sound, broken))
    schema = next(offer.schema for offer in offers.offers if offer.name == "acme.residual")
    (found,) = [one for one in part_checks(schema()) if one.name == check]
    with pytest.raises(ConformanceError):
        found()


def test_what_nobody_gives_is_an_error_of_the_recipe(plugins, data):
    from mfclip.errors import RecipeError

    offers = plugins()
    text = RECIPE.replace("ROOT", str(data)).replace('[[input]]\nuse = "acme.mask"\n', "")
    with pytest.raises(RecipeError, match=r"'acme.map-loss' reads 'acme.mask', which no"):
        recipe_of(text, offers)
    text = RECIPE.replace("ROOT", str(data)).replace(
        '[prompts]\nuse = "hierarchical"\nlevels = 2\n', ""
    )
    with pytest.raises(RecipeError, match=r"'acme.whole' needs \[prompts\] to read"):
        recipe_of(text, offers)


def test_an_output_of_another_shape_than_declared_is_told(plugins, tmp_path, data):
    from mfclip.errors import PluginError

    broken = MODULES.replace('"acme.words": words', '"acme.words": words[:, :2]')
    with pytest.raises(PluginError, match=r"gave 'acme.words' as .*\(5, 4\)"):
        built(tmp_path, data, plugins(broken))


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, data, plugins, monkeypatch):
    offers = plugins()
    whole = built(tmp_path, data, offers, name="whole")
    from mfclip.training.trainer import Trainer

    due = Trainer._checkpoint_if_due

    def dies(self):
        due(self)
        if self.state.step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_checkpoint_if_due", dies)
        with pytest.raises(KeyboardInterrupt):
            built(tmp_path, data, offers, name="killed")
    resumed = built(tmp_path, data, offers, name="killed", resume=True)
    from safetensors.torch import load_file

    one, two = (load_file(run / "model.safetensors") for run in (whole, resumed))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_detector_that_reads_inputs_is_explained(tmp_path, data, plugins):
    from mfclip.explain.detectors import load_all
    from mfclip.explain.run import explain

    run = built(tmp_path, data, plugins())
    detectors = load_all([run], device="cpu", registry=None)
    done = explain(detectors, [data / "00.png", data / "01.png"], tmp_path / "page")
    assert (done.images, done.failed) == (2, 0)
    numbers = json.loads((tmp_path / "page/explain.json").read_text())
    assert "occlusion" in json.dumps(numbers)
