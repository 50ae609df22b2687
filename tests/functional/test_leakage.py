"""Nothing that is fitted depends on the test split's labels."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, Split, write_manifest
from mfclip.metrics.scores import ScoreTable, read_scores
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry

RECIPE = """
recipe = 1
assembly = "mfclip-small"
preprocessing.size = 32
vision.image = { channels = [4, 4, 8], convolutions = [1, 1, 1], dim = 16, depth = 1, heads = 2 }
vision.noise = { patch_size = 16, channels = 4, grid = 4, dim = 16, blocks = 1, heads = 2 }
text = { dim = 16, layers = 1, heads = 2, mlp = 16 }
alignment.index = "prompt"
evaluation.bootstrap = 100

[data]
use = "manifest"
root = "faces"
findings = "warn"

[training]
epochs = 4
batch_size = 8
learning_rate = 1e-2
workers = 0
precision = "fp32"
"""
SIZES: dict[Split, int] = {"train": 32, "val": 24, "test": 24}
REAL, FAKE = HierarchicalLabel("real"), HierarchicalLabel("fake", "FS", "GAN", "swapper")
OTHER = HierarchicalLabel("fake", "EFS", "diffusion", "of the test split alone")
MEASURED = ("data_fingerprint", "files")
"""What a bundle says of the whole data, and of the moment (a log's name holds the time)."""

Change = Callable[[Row], Row]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Noise; that of fakes is a little brighter, so there is something to learn."""
    folder = tmp_path_factory.mktemp("leakage") / "faces"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for split, size in SIZES.items():
        for number in range(size):
            label = FAKE if number % 2 else REAL
            pixels = rng.integers(0, 200, (32, 32, 3)) + 20 * (number % 2)
            path = Path(f"{split}-{number}.png")
            Image.fromarray(pixels.astype(np.uint8)).save(folder / path)
            rows.append(Row(path, label, split))
    return Manifest(folder, tuple(rows))


def relabelled(faces: Manifest, split: Split, labels: Sequence[HierarchicalLabel]) -> Manifest:
    """The same images, those of one split under other labels."""
    left = iter(labels)
    changed = (replace(row, label=next(left)) if row.split == split else row for row in faces)
    return replace(faces, rows=tuple(changed))


def permuted(faces: Manifest, split: Split) -> Manifest:
    labels = [row.label for row in faces.of_split(split)]
    random.Random(1).shuffle(labels)
    return relabelled(faces, split, labels)


class Bundle:
    """What a build leaves, split into what was fitted and what was only measured."""

    def __init__(self, folder: Path) -> None:
        self.weights = (folder / "model.safetensors").read_bytes()
        self.about = json.loads((folder / "bundle.json").read_text())
        self.metrics = json.loads((folder / "metrics.json").read_text())
        self.prompts = (folder / "prompts.json").read_bytes()
        self.recipe = (folder / "recipe.toml").read_text()
        self.kept = re.findall(r"of epoch (\d+)", (folder / "report.html").read_text())
        self.validation = (folder / "scores-validation.csv").read_bytes()
        self.history = [
            {name: value for name, value in json.loads(line).items() if "second" not in name}
            for line in (folder / "history.jsonl").read_text().splitlines()
        ]
        self.test: ScoreTable = read_scores(folder / "scores-test.csv")

    @property
    def fitted(self) -> dict[str, Any]:
        return {name: value for name, value in self.about.items() if name not in MEASURED}


@pytest.fixture(scope="module")
def built(faces: Manifest) -> Callable[[str, Manifest], Bundle]:
    """Build a tiny detector on a manifest of these images; the same name is built once."""
    work = faces.root.parent
    (work / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    done: dict[str, Bundle] = {}

    def run(name: str, manifest: Manifest) -> Bundle:
        if name not in done:
            write_manifest(manifest, faces.root / "manifest.csv")
            plugins = discover()
            recipe = read_recipe(work / "tiny.toml", plugins=plugins, registry=read_registry())
            build(recipe, work / name, plugins=plugins, events=Silent(), device="cpu")
            done[name] = Bundle(work / name)
        return done[name]

    return run


def assert_fitted_alike(one: Bundle, other: Bundle) -> None:
    assert one.weights == other.weights
    assert one.about["operating"] == other.about["operating"]
    assert one.fitted == other.fitted
    assert one.prompts == other.prompts
    assert one.kept == other.kept != []
    assert "[preprocessing]" in one.recipe
    assert one.recipe == other.recipe
    assert one.validation == other.validation
    assert one.history == other.history
    assert one.test.log_odds.tolist() == other.test.log_odds.tolist()


def test_permuted_test_labels_change_nothing_that_is_fitted(faces, built) -> None:
    one, other = built("as-it-is", faces), built("permuted", permuted(faces, "test"))
    assert_fitted_alike(one, other)
    # And yet they were read: what is measured differs.
    assert one.test.is_fake.tolist() != other.test.is_fake.tolist()
    assert one.metrics != other.metrics


def test_labels_that_only_the_test_split_has_change_nothing_that_is_fitted(faces, built) -> None:
    labels = [OTHER if row.label == FAKE else REAL for row in faces.of_split("test")]
    other = built("unheard-of", relabelled(faces, "test", labels))
    assert_fitted_alike(built("as-it-is", faces), other)
    assert OTHER.generator in other.test.generator


def test_permuted_validation_labels_change_epoch_and_threshold_and_no_step(faces, built) -> None:
    one, other = built("as-it-is", faces), built("validation", permuted(faces, "val"))
    assert one.kept != other.kept
    assert one.about["operating"] != other.about["operating"]
    losses = [[epoch["losses"] for epoch in bundle.history] for bundle in (one, other)]
    assert losses[0] == losses[1]


def test_permuted_training_labels_change_the_weights(faces, built) -> None:
    other = built("training", permuted(faces, "train"))
    assert built("as-it-is", faces).weights != other.weights
