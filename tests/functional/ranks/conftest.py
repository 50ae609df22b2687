"""One small build that all of these tests share, and how a run is stopped and read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from mfclip.building import writing
from mfclip.building.events import Silent
from mfclip.building.run import Built, build
from mfclip.plugins.discovery import discover
from mfclip.ranks.world import ALONE, Ranks
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.training.progress import SilentProgress

RECIPE = """
recipe = 1
name = "shared"
assembly = "mfclip-small"

[preprocessing]
size = 64

[vision.image]
channels = [8, 8, 16, 16, 16]
convolutions = [1, 1, 1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32

[vision.noise]
patch_size = 32
channels = 8
dim = 32
heads = 2

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[[loss]]
use = "cross-modal"
[[loss]]
use = "language-kl"
[[loss]]
use = "cross-entropy"
[[loss]]
use = "uniformity-alignment"

[augmentation]
mirror = 0.5
crop = 0.1
pseudo = 0.5
[[augmentation.pseudo_fakes]]
use = "swap-blend"

[data]
use = "sample"
images = 90
size = 64
findings = "warn"

[training]
epochs = 2
batch_size = 11
accumulate = 2
sampling = "pairs"
optimiser = "sgd"
learning_rate = 1e-3
average = 0.5
checkpoint_steps = 2
workers = 0
precision = "fp32"

[evaluation]
bootstrap = 100
"""
"""Batches of 11 on 68 training images: 3 processes take 4, 4 and 3 of each, and of the last one,
which holds 2, one takes none. Alignment, pairs of embeddings, batch norm, pseudo-fakes, groups of
batches and averaged weights are in it; dropout is not, since processes draw their own."""


class StoppedError(Exception):
    """Raised by :class:`Watch`."""


class Watch(Silent, SilentProgress):
    """Keeps every step's losses; stops the training after ``stop`` of them."""

    def __init__(self, stop: int | None = None) -> None:
        self.losses: list[dict[str, float]] = []
        self.stop = stop

    @property
    def training(self) -> Watch:
        return self

    def step(self, *told: Any) -> None:
        if len(told) == 1:  # of the training, not of a stage
            self.losses.append(dict(told[0].losses))
            if len(self.losses) == self.stop:
                raise StoppedError


def build_shared(
    folder: Path,
    *,
    ranks: Ranks = ALONE,
    watch: Watch | None = None,
    resume: bool = False,
) -> Built:
    """Without the report, whose figures cost more than the training."""
    plugins = discover()
    recipe = read_recipe_text(RECIPE, "recipe.toml", plugins=plugins, registry=read_registry())
    with patch.object(writing, "write_report", lambda file, data: file.touch()):
        return build(
            recipe,
            folder,
            plugins=plugins,
            events=watch or Watch(),
            device="cpu",
            resume=resume,
            ranks=ranks,
        )


def history(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def setting() -> ModuleType:
    """All of this file, which the program that torchrun starts imports by its name."""
    return sys.modules[__name__]
