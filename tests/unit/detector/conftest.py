"""Parts that are small enough to check by eye, and a recipe made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import Bundle, read_bundle
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.metrics.operating import OperatingPoints
from mfclip.parts import (
    Alignment,
    BuildContext,
    Detector,
    ImageEncoder,
    Loss,
    Misfit,
    Part,
    Prompts,
    TextEncoder,
)
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.model import Recipe
from mfclip.recipe.registry import read_registry
from mfclip.recipe.settings import PreprocessingSettings

WIDTH = 6


class Calls(nn.Module):
    """Base of modules that count their calls and keep their last input."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Tensor, ...]] = []


class VisionModule(Calls):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append((images,))
        out: Tensor = self.cnn(images).mean(dim=(2, 3))
        return out


class TextModule(Calls):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(100, width)

    def forward(self, tokens: Tensor) -> Tensor:
        self.calls.append((tokens,))
        out: Tensor = self.words(tokens).mean(dim=(1, 2))
        return out


@dataclass
class Pair:
    v2l: Any
    l2v: Any
    normalised: Any = False


class AlignmentModule(Calls):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, visual: Tensor, text: Tensor, prompt: Tensor) -> Pair:
        self.calls.append((visual, text, prompt))
        logits = self.scale * visual @ text.T
        return Pair(logits, logits.T)


class TinyNoise(ImageEncoder):
    use: Literal["tiny-noise"] = "tiny-noise"

    @property
    def width(self) -> int:
        return WIDTH

    def build(self, context: BuildContext) -> nn.Module:
        return VisionModule(WIDTH)


class TinyVision(ImageEncoder):
    use: Literal["tiny-vision"] = "tiny-vision"
    noise: ImageEncoder = TinyNoise()
    fails: bool = False

    @property
    def width(self) -> int:
        return WIDTH

    def build(self, context: BuildContext) -> nn.Module:
        if self.fails:
            raise ZeroDivisionError("no luck today")
        return VisionModule(WIDTH)


class TinyText(TextEncoder):
    use: Literal["tiny-text"] = "tiny-text"

    @property
    def width(self) -> int:
        return WIDTH

    def build(self, context: BuildContext) -> nn.Module:
        return TextModule(WIDTH)


class TinyPrompts(Prompts):
    use: Literal["tiny-prompts"] = "tiny-prompts"

    @property
    def sentences(self) -> int:
        return 2

    def build(self, context: BuildContext) -> Any:
        return self

    def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
        return (f"a {label.label} face", f"made by {label.generator or 'a camera'}")


class TinyAlignment(Alignment):
    use: Literal["tiny-alignment"] = "tiny-alignment"

    def build(self, context: BuildContext) -> nn.Module:
        return AlignmentModule()


class TinyLoss(Loss):
    needs: ClassVar = frozenset({"logits", "text", "predicted_text"})

    use: Literal["tiny-loss"] = "tiny-loss"

    def build(self, context: BuildContext) -> nn.Module:
        return nn.MSELoss()


class TinyDetector(Detector):
    use: Literal["tiny-detector"] = "tiny-detector"
    unfit: bool = False

    def misfits(self, context: BuildContext) -> list[Misfit]:
        return []

    def build(self, context: BuildContext) -> Any:
        if self.unfit:
            return "not a module"
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))


LABELS = (
    HierarchicalLabel("fake", "FS", "GAN", "one"),
    HierarchicalLabel("fake", "EFS", "diffusion", "two"),
    HierarchicalLabel("real"),
)


@pytest.fixture
def prompts() -> PromptTable:
    """K = 3, S = 2, tokens below 100."""
    tokens = torch.randint(1, 100, (3, 2, 77), generator=torch.Generator().manual_seed(0))
    return PromptTable(LABELS, (0, 1, 2), (("a", "b"),) * 3, tokens)


@pytest.fixture
def recipe() -> Recipe:
    """Vision, text, alignment and a loss that reads the predicted text."""
    return Recipe(
        name="tiny",
        vision=TinyVision(),
        text=TinyText(),
        prompts=TinyPrompts(),
        alignment=TinyAlignment(),
        loss=(TinyLoss(), TinyLoss(weight=0.5)),
        preprocessing=PreprocessingSettings(size=16),
    )


@pytest.fixture
def parts() -> dict[str, type]:
    """The part classes by name, for tests that vary a recipe."""
    return {
        schema.__name__: schema
        for schema in (
            *(TinyNoise, TinyVision, TinyText, TinyPrompts),
            *(TinyAlignment, TinyLoss, TinyDetector),
        )
    }


@pytest.fixture
def modules() -> dict[str, type]:
    """The modules by name, for detectors that are put together by hand."""
    return {kind.__name__: kind for kind in (VisionModule, TextModule, AlignmentModule, Pair)}


@pytest.fixture
def offers(parts: dict[str, type[Part]]) -> Callable[..., Plugins]:
    """``offers(version="1.2")``: what tiny-parts of that version offers."""

    def make(version: str = "1.2", distribution: str = "tiny-parts") -> Plugins:
        owner = ("tiny", distribution, version)
        return Plugins(tuple(Offer(s.kind, s().use, s, *owner) for s in parts.values()))

    return make


@pytest.fixture
def plugins(offers: Callable[..., Plugins]) -> Plugins:
    """tiny-parts 1.2."""
    return offers()


@pytest.fixture
def images() -> Tensor:
    """Four random images, (4, 3, 16, 16)."""
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def contents(
    recipe: Recipe, prompts: PromptTable, plugins: Plugins, images: Tensor
) -> BundleContents:
    """Of a trained detector, with every kind of file."""
    torch.manual_seed(5)
    detector = assemble(recipe, prompts)
    detector(images)  # moves the batch norm's statistics, which must be kept as well
    return BundleContents(
        detector=detector.eval(),
        recipe=recipe,
        prompts=prompts,
        needs=needs_of(recipe, plugins),
        operating=OperatingPoints(temperature=1.5, threshold=0.4, notes=("a", "b")),
        precision="bf16",
        metrics={
            "overall": {
                "roc_auc": {"value": 0.9, "low": 0.8, "high": 0.95},
                "equal_error_rate": {"value": math.nan, "low": math.nan, "high": math.nan},
                "reals": 7,
            }
        },
        fingerprint="f" * 64,
        seed=7,
        images={"train": 30, "val": 5},
        files={"report.html": "<p>ü</p>", "history/loss.csv": b"1,2\r\n"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the bundle goes."""
    return tmp_path / "bundle"


@pytest.fixture
def read(plugins: Plugins) -> Callable[..., Bundle]:
    """``read(folder, plugins=...)`` with the shipped registry."""
    registry = read_registry()
    return lambda folder, plugins=plugins: read_bundle(folder, plugins=plugins, registry=registry)
