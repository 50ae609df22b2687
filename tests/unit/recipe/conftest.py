"""Parts without any module behind them, and short ways to read recipes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from mfclip.errors import RecipeError
from mfclip.parts import (
    Alignment,
    BuildContext,
    Dataset,
    Detector,
    ImageEncoder,
    Loss,
    Misfit,
    OutputName,
    Part,
    Prompts,
    TextEncoder,
)
from mfclip.plugins.discovery import BrokenPlugin, Offer, Plugins
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import Registry, read_registry


class _Inert:
    def build(self, context: BuildContext) -> Any:
        raise AssertionError("reading a recipe builds nothing")


class Eye(_Inert, ImageEncoder):
    """An image encoder."""

    use: Literal["eye"] = "eye"
    """Name of the part."""
    dim: int = Field(default=8, ge=1)
    """Length of the embedding."""
    patch: int = 16
    """Side of a patch, pixels."""
    channels: tuple[int, ...] = (1, 2)
    scale: float = 1.0
    pool: Literal["mean", "max"] = "mean"
    bias: bool = True
    weights: Path | None = None

    @property
    def width(self) -> int:
        return self.dim

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.dim % 2:
            raise ValueError(f"dim must be even, got {self.dim}")
        return self

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        if context.image_size % self.patch:
            yield Misfit("patch", f"does not divide {context.image_size}, got {self.patch}")


class Ear(Eye):
    """Another image encoder."""

    use: Literal["ear"] = "ear"
    """Name of the part."""
    modules: ClassVar[tuple[str, ...]] = ()
    bins: int = 4


class Pair(_Inert, ImageEncoder):
    """An image encoder made of two."""

    use: Literal["pair"] = "pair"
    """Name of the part."""
    image: SerializeAsAny[ImageEncoder] = Eye()
    """One."""
    noise: SerializeAsAny[ImageEncoder] | None = Ear(bins=5)
    """The other."""
    others: tuple[SerializeAsAny[ImageEncoder], ...] = ()

    @property
    def width(self) -> int:
        return self.image.width


class Scribe(_Inert, TextEncoder):
    """A text encoder."""

    use: Literal["scribe"] = "scribe"
    """Name of the part."""
    dim: int = 8

    @property
    def width(self) -> int:
        return self.dim


class Level(BaseModel):
    model_config = ConfigDict(extra="forbid")
    real: str = "real"
    fake: str = "fake"


class Words(_Inert, Prompts):
    """Prompts."""

    use: Literal["words"] = "words"
    """Name of the part."""
    levels: int = 4
    first: Level = Level()
    more: dict[str, str] = Field(default_factory=dict)

    @property
    def sentences(self) -> int:
        return self.levels


class Gate(_Inert, Alignment):
    """An alignment."""

    use: Literal["gate"] = "gate"
    """Name of the part."""


class Plain(_Inert, Loss):
    """A loss of the logits."""

    use: Literal["plain"] = "plain"
    """Name of the part."""


class Contrast(_Inert, Loss):
    """A loss of the similarities."""

    needs: ClassVar[frozenset[OutputName]] = frozenset({"similarity"})
    use: Literal["contrast"] = "contrast"
    """Name of the part."""
    temperature: float = Field(default=0.5, gt=0)


class Echo(_Inert, Loss):
    """A loss of the texts."""

    needs: ClassVar[frozenset[OutputName]] = frozenset({"text", "predicted_text"})
    use: Literal["echo"] = "echo"
    """Name of the part."""


class Shelf(_Inert, Dataset):
    """A data set."""

    use: Literal["shelf"] = "shelf"
    """Name of the part."""
    root: Path
    """Folder with the images."""
    files: tuple[Path, ...] = ()
    inside: PurePath = PurePath("list.csv")
    cache: Path | Literal["memory"] = "memory"


class Whole(_Inert, Detector):
    """A detector."""

    use: Literal["whole"] = "whole"
    """Name of the part."""


PARTS: tuple[type[Part], ...] = (
    Eye,
    Ear,
    Pair,
    Scribe,
    Words,
    Gate,
    Plain,
    Contrast,
    Echo,
    Shelf,
    Whole,
)

ASSEMBLIES = """\
[assemblies.duo]
summary = "All of the parts."

[assemblies.duo.vision]
use = "pair"

[assemblies.duo.vision.image]
use = "eye"
dim = 16

[assemblies.duo.vision.noise]
use = "ear"
bins = 7

[assemblies.duo.text]
use = "scribe"
dim = 16

[assemblies.duo.prompts]
use = "words"

[assemblies.duo.alignment]
use = "gate"

[[assemblies.duo.loss]]
use = "contrast"
temperature = 0.1

[[assemblies.duo.loss]]
use = "plain"
weight = 3

[assemblies.duo.training]
epochs = 9
learning_rate = 0.02
"""


def offers(*schemas: type[Part], distribution: str = "acme") -> tuple[Offer, ...]:
    """What a plugin with these parts offers."""
    return tuple(
        Offer(s.kind, s.model_fields["use"].default, s, distribution, distribution, "0.1")
        for s in schemas
    )


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return Plugins(offers(*PARTS))


@pytest.fixture
def broken() -> BrokenPlugin:
    return BrokenPlugin("gone", "gone", "2.0", "ModuleNotFoundError: No module named 'x'")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The shipped registry with the assembly ``duo`` from ``acme.toml``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("registry"))
        Path("acme.toml").write_text(ASSEMBLIES, encoding="utf-8")
        return read_registry(Path("acme.toml"))


Read = Callable[..., Recipe]
Complain = Callable[..., str]


@pytest.fixture
def read(folder: Path, registry: Registry, plugins: Plugins) -> Read:
    """``read(text, *overrides)``: the recipe of a ``recipe.toml`` with this text."""

    def run(text: str, *overrides: str, plugins: Plugins = plugins) -> Recipe:
        file = Path("recipe.toml")
        file.write_text(text, encoding="utf-8")
        return read_recipe(file, overrides=overrides, plugins=plugins, registry=registry)

    return run


@pytest.fixture
def complaints(read: Read) -> Complain:
    """``complaints(text, *overrides)``: everything that is wrong with a recipe."""

    def run(text: str, *overrides: str, **more: Any) -> str:
        with pytest.raises(RecipeError) as caught:
            read(text, *overrides, **more)
        return str(caught.value)

    return run
