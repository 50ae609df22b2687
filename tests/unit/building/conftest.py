"""A build that takes seconds: small drawn pictures of three generators, a tiny detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mfclip.building.events import Silent
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.plugins.discovery import Plugins, discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry
from mfclip.training.progress import SilentProgress

SIZE = 32
GENERATORS = ("alpha", "beta", "gamma")
PATTERN = dict(zip(GENERATORS, (2, 3, 4), strict=True))
"""Columns between two that a generator makes brighter."""
TINY = f"""
recipe = 1
preprocessing.size = {SIZE}

[vision]
use = "cvit"
channels = [4, 4, 8, 8, 8]
convolutions = [1, 1, 1, 1, 1]
dim = 16
depth = 1
heads = 2
mlp = 16

[[loss]]
use = "cross-entropy"

[data]
use = "manifest"
root = "."
findings = "warn"

[training]
epochs = 3
batch_size = 8
learning_rate = 3e-3
workers = 0
precision = "fp32"
checkpoint_steps = 1
validation = "left-out:generator"

[evaluation]
bootstrap = 100
"""
WITH_TEXT = """
[text]
use = "fle"
dim = 16
layers = 1
heads = 2
mlp = 16

[prompts]
use = "hierarchical"

[[loss]]
use = "language-kl"
"""


class Watcher(Silent):
    """Keeps the titles of stages; ends the build at one, or so many steps after it."""

    def __init__(self, stop_at: str = "", steps: int = 0) -> None:
        self.stop_at, self.steps = stop_at, steps
        self.titles: list[str] = []
        self.left: int | None = None

    @property
    def training(self) -> SilentProgress:
        return _Steps(self)

    def stage(self, title: str) -> None:
        self.titles.append(title)
        if self.stop_at and self.stop_at in title:
            self.left = self.steps
            self.count()

    def count(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1


class _Steps(SilentProgress):
    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher

    def step(self, report: Any) -> None:
        self.watcher.count()


def _draw(folder: Path) -> Manifest:
    """Noise; each generator adds a pattern of its own. Reals and fakes in two groups."""
    rng = np.random.default_rng(0)
    rows = []
    for split, times in (("train", 4), ("val", 2), ("test", 2)):
        for i in range(6 * times):
            kind = GENERATORS[i % 3] if i % 2 else ""
            pixels = rng.integers(40, 216, (SIZE, SIZE, 3))
            if kind:
                pixels[:, :: PATTERN[kind]] += 24
            path = Path(f"{split}-{i}.png")
            Image.fromarray(pixels.astype(np.uint8)).save(folder / path)
            label = (
                HierarchicalLabel("fake", "drawn", f"family of {kind}", kind)
                if kind
                else HierarchicalLabel("real")
            )
            rows.append(Row(path, label, split, group=f"group {i // 2 % 2}"))
    found = Manifest(folder, tuple(rows))
    write_manifest(found, folder / "manifest.csv")
    return found


@pytest.fixture(scope="session")
def watch() -> type[Watcher]:
    """``watch(stop_at, steps)`` keeps titles, and interrupts at one, or so many steps after it."""
    return Watcher


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return discover()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """24 images to train on, 12 to validate on, 12 to test on; half of them fake."""
    return _draw(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def recipe(pictures: Manifest, plugins: Plugins) -> Callable[..., Recipe]:
    """``recipe(*overrides, more="", text=False)``: the tiny recipe on these pictures."""

    def make(*overrides: str, more: str = "", text: bool = False) -> Recipe:
        file = pictures.root / "tiny.toml"
        file.write_text(TINY + WITH_TEXT * text + more, encoding="utf-8")
        return read_recipe(file, overrides=overrides, plugins=plugins, registry=read_registry())

    return make
