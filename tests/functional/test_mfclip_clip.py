"""All of MFCLIP on a pretrained tower: a small one of random weights stands in."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble, losses
from mfclip.detector.outputs import Targets
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry
from mfclip.training.objective import Objective
from mfclip.weights.store import file_of

RECIPE = """
recipe = 1
assembly = "mfclip-clip-small"
[preprocessing]
size = 32
[vision.image]
weights = "tiny"
dim = 16
tower_width = 64
layers = 3
heads = 2
read = [2, 3]
project = 32
[vision.noise]
patch_size = 16
channels = 8
dim = 32
heads = 2
[text]
dim = 32
layers = 1
heads = 2
mlp = 32
[data]
use = "manifest"
root = "data"
findings = "warn"
[training]
epochs = 4
batch_size = 8
workers = 0
precision = "fp32"
learning_rate = 1e-3
[evaluation]
bootstrap = 100
"""
PROBE = RECIPE.replace("mfclip-clip-small", "mfclip-probe").replace(
    RECIPE[RECIPE.index("[vision.image]") : RECIPE.index("[vision.noise]")],
    """
[[input]]
use = "clip-features"
weights = "tiny"
size = 32
dim = 16
tower_width = 64
layers = 3
heads = 2
read = [2, 3]
[vision.image]
length = 128
project = 32
""",
)


@pytest.fixture
def place(faces_and_tower):
    """The folder with the recipes in it."""
    (faces_and_tower / "all.toml").write_text(RECIPE)
    (faces_and_tower / "probe.toml").write_text(PROBE)
    return faces_and_tower


def require_that_it_learned(place, name):
    """All three losses fell."""
    lines = (place / "runs" / name / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["losses"] for line in lines]
    for column in ("cross-modal", "language-kl", "cross-entropy", "total"):
        assert math.isfinite(losses[-1][column]), column
        assert losses[-1][column] < losses[0][column], column


def require_that_it_scores(command, place, name):
    done = command("mfclip", "score", f"runs/{name}", "data", "--format", "jsonl", cwd=place)
    found = [json.loads(line)["p_fake"] for line in done.stdout.splitlines()]
    assert len(found) == 32
    assert all(map(math.isfinite, found))
    assert len({*found}) > 10


def test_a_light_build_learns_and_scores(command, place):
    command("mfclip-build", "--recipe", "all.toml", "--light", cwd=place)
    require_that_it_learned(place, "all")
    require_that_it_scores(command, place, "all")
    kept = load_file(place / "runs" / "all" / "model.safetensors")
    tower = {name for name in kept if name.startswith("vision.image.tower.")}
    assert tower, "what was tuned is kept"
    assert all(".ln_" in name for name in tower), "all else is left to the weights"
    assert any(name.startswith("vision.image.project.") for name in kept)
    assert any(name.startswith("vision.noise.") for name in kept)
    file_of("tiny").unlink()
    done = command("mfclip", "score", "runs/all", "data", cwd=place, code=6)
    assert "was built with the weights 'tiny'" in done.stderr


def test_a_build_on_kept_features_learns_and_scores(command, place):
    command("mfclip-build", "--recipe", "probe.toml", cwd=place)
    require_that_it_learned(place, "probe")
    require_that_it_scores(command, place, "probe")
    kept = load_file(place / "runs" / "probe" / "model.safetensors")
    assert not any("tower" in name for name in kept), "the tower is not in the bundle"
    assert kept["vision.image.project.weight"].shape == (32, 128)


def test_gradients_reach_every_component(place):
    recipe = read_recipe(place / "all.toml", plugins=discover(), registry=read_registry())
    labels = (HierarchicalLabel("real"), HierarchicalLabel("fake", "FS", "GAN", "one"))
    prompts = PromptTable.make(labels, recipe.prompts.build(recipe.context()))
    torch.manual_seed(0)
    detector = assemble(recipe, prompts).train()
    rows = torch.arange(8) % 2
    outputs = detector(torch.rand(8, 3, 32, 32), prompt=rows)
    total, _ = Objective(losses(recipe))(outputs, Targets(label=rows, prompt=rows))
    total.backward()
    reached = {
        name
        for name, value in detector.named_parameters()
        if value.grad is not None and value.grad.abs().sum() > 0
    }
    norms = {name for name, _ in detector.named_parameters() if "image.tower" in name}
    norms = {name for name in norms if ".ln_" in name}
    # ln_pre and two norms in each of 3 blocks, weight and bias; of the tower they alone learn.
    assert len(norms) == 2 * (1 + 2 * 3)
    assert {name for name in reached if "image.tower" in name} == norms
    for prefix in ("vision.image.project.", "vision.noise.", "text.", "alignment.", "head."):
        own = {name for name, _ in detector.named_parameters() if name.startswith(prefix)}
        assert own, prefix
        assert own & reached, prefix
    assert any(name.startswith("predictor.") for name in reached)


@pytest.mark.parametrize(
    ("name", "like", "width"),
    [
        ("mfclip-clip", "mfclip", 512),
        ("mfclip-clip-small", "mfclip-small", 256),
        ("mfclip-probe", "mfclip-small", 256),
    ],
)
def test_it_is_mfclip_but_for_its_image_encoder(tmp_path, name, like, width):
    def read(assembly):
        file = tmp_path / "recipe.toml"
        file.write_text(f'recipe = 1\nassembly = "{assembly}"\n[data]\nuse = "sample"\n')
        return read_recipe(file, plugins=discover(), registry=read_registry())

    own, other = read(name), read(like)
    for slot in ("text", "prompts", "alignment", "loss"):
        assert getattr(own, slot) == getattr(other, slot), slot
    assert own.vision.noise == other.vision.noise
    assert own.vision.image.width == own.text.width == width
    if name == "mfclip-probe":
        assert own.vision.image.length == own.input[0].length == 6 * 2 * 768
    else:
        assert own.vision.image.read_width == 4 * 768
