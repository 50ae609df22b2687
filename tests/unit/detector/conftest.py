"""Parts that are small enough to check by eye, and a recipe made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.parts import (
    Alignment,
    BuildContext,
    Detector,
    ImageEncoder,
    Loss,
    Misfit,
    Prompts,
    TextEncoder,
)
from mfclip.recipe.model import Recipe
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
    return PromptTable(LABELS, (("a", "b"),) * 3, tokens)


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
