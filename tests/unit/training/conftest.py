"""A training that takes a fraction of a second: tiny faces, a tiny detector, the real loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.detector.assemble import LossTerm
from mfclip.detector.outputs import Outputs, Targets
from mfclip.detector.whole import PluginDetector
from mfclip.recipe.settings import PreprocessingSettings, TrainingSettings
from mfclip.training.loop import TrainingResult, train
from mfclip.training.progress import SilentProgress
from mfclip.training.weights import module_tensors

SIZE = 16
CPU = torch.device("cpu")


class CrossEntropy(nn.Module):
    def forward(self, outputs: Outputs, targets: Targets) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs.logits, targets.label)


class TinyNet(nn.Module):
    """Convolution, batch norm, dropout: everything whose state a resumed run must repeat."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
        )
        self.head = nn.Linear(4 * (SIZE - 2) ** 2, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.layers(images))
        return logits


def draw_faces(folder: Path, *, train: int, val: int) -> Manifest:
    """Noise images in PNG; the fakes are a little brighter."""
    rng = np.random.default_rng(0)
    rows = []
    for place in range(train + val):
        fake = place % 2 == 1
        pixels = rng.integers(0, 200, (SIZE, SIZE, 3), dtype=np.uint8) + np.uint8(30 * fake)
        path = Path(f"{place}.png")
        Image.fromarray(pixels).save(folder / path)
        label = HierarchicalLabel("fake" if fake else "real")
        rows.append(Row(path, label, "train" if place < train else "val"))
    return Manifest(folder, tuple(rows))


def tiny_detector(seed: int = 0, net: Callable[[], nn.Module] = TinyNet) -> PluginDetector:
    torch.manual_seed(seed)
    return PluginDetector(net())


def tiny_settings(**changes: Any) -> TrainingSettings:
    values = {"epochs": 2, "batch_size": 4, "workers": 0, "precision": "fp32"}
    return TrainingSettings(**{**values, "learning_rate": 1e-2, **changes})


class Interrupted(Exception):
    """What stands for a kill inside one process."""


class Stop(SilentProgress):
    """Ends training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, report: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interrupted


class Watch(SilentProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.plans: list[Any] = []
        self.steps: list[Any] = []
        self.epochs: list[Any] = []

    def begin(self, plan: Any) -> None:
        self.plans.append(plan)

    def step(self, report: Any) -> None:
        self.steps.append(report)

    def epoch(self, record: Any) -> None:
        self.epochs.append(record)


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """18 images to train on (at batch 4 the last batch has 2), 8 to validate on."""
    return draw_faces(tmp_path_factory.mktemp("faces"), train=18, val=8)


@pytest.fixture
def fit(faces: Manifest, tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Train a tiny detector; keywords change settings, or replace an argument of ``train``."""

    def run(**changes: Any) -> SimpleNamespace:
        names = (
            "detector",
            "terms",
            "train",
            "val",
            "run",
            "resume",
            "progress",
            "unchanged",
            "augment",
            "pseudo",
            "scored",
            "until",
        )
        given = {name: changes.pop(name) for name in names if name in changes}
        detector = given.pop("detector", None) or tiny_detector()
        terms = given.pop("terms", [LossTerm("cross-entropy", 1.0, CrossEntropy())])
        arguments = {
            "train": faces.of_split("train"),
            "val": faces.of_split("val"),
            "run": tmp_path / "run",
            "resume": False,
            "progress": SilentProgress(),
            **given,
        }
        result: TrainingResult = train(
            detector,
            terms,
            prompts=None,
            preprocessor=Preprocessor(PreprocessingSettings(size=SIZE)),
            settings=tiny_settings(**changes),
            device=CPU,
            **arguments,
        )
        return SimpleNamespace(detector=detector, result=result, run=arguments["run"])

    return run


@pytest.fixture
def watch() -> Watch:
    """Keeps what a training tells it."""
    return Watch()


@pytest.fixture
def kill(fit: Callable[..., SimpleNamespace]) -> Callable[..., None]:
    """Train as ``fit`` does, to the given step and no further."""

    def run(steps: int, **given: Any) -> None:
        with pytest.raises(Interrupted):
            fit(progress=Stop(steps), **given)

    return run


@pytest.fixture
def same() -> Callable[[nn.Module, nn.Module], bool]:
    """Whether two detectors have the same weights, to the last bit."""

    def compare(one: nn.Module, other: nn.Module) -> bool:
        mine, theirs = module_tensors(one), module_tensors(other)
        return all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())

    return compare
