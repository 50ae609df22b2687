"""Schemas that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from mfclip.parts import BuildContext, Encoder, ImageEncoder, Misfit


class Eye(ImageEncoder):
    """An encoder."""

    use: Literal["eye"] = "eye"
    """Name of the part."""

    @property
    def width(self) -> int:
        return 8

    def build(self, context: BuildContext) -> Any:
        from torch import nn

        return nn.Identity()


class Nameless(Eye):
    """Has a name that no recipe can write."""

    use: Literal["Eye One"] = "Eye One"  # type: ignore[assignment]
    """Name of the part."""


class Neither(Encoder):
    """Encodes nobody knows what."""

    use: Literal["neither"] = "neither"
    """Name of the part."""
    width: ClassVar[int] = 8  # type: ignore[misc]

    def build(self, context: BuildContext) -> Any:
        raise AssertionError


class Mute(Eye):
    use: Literal["mute"] = "mute"  # type: ignore[assignment]


class Band(BaseModel):
    low: int = 0
    """Lowest frequency."""
    high: int = 9


class Terse(Eye):
    """Explains only half."""

    use: Literal["terse"] = "terse"  # type: ignore[assignment]
    """Name of the part."""
    depth: int = 2
    band: Band = Band()
    """Frequencies."""


class Soft(Eye):
    """Can be changed."""

    model_config = ConfigDict(frozen=False)
    use: Literal["soft"] = "soft"  # type: ignore[assignment]
    """Name of the part."""


class Loose(Eye):
    """Takes any key."""

    model_config = ConfigDict(extra="ignore")
    use: Literal["loose"] = "loose"  # type: ignore[assignment]
    """Name of the part."""


class Rounds(Eye):
    """Loses digits when it is written."""

    use: Literal["rounds"] = "rounds"  # type: ignore[assignment]
    """Name of the part."""
    scale: Annotated[float, PlainSerializer(lambda value: round(value, 1))] = 0.25
    """Factor."""


class Wordy(Eye):
    """Writes what it does not read."""

    use: Literal["wordy"] = "wordy"  # type: ignore[assignment]
    """Name of the part."""
    depth: Annotated[int, PlainSerializer(lambda value: f"{value} blocks")] = 2
    """Blocks."""


class Odd(Eye):
    """Holds what has no JSON form."""

    use: Literal["odd"] = "odd"  # type: ignore[assignment]
    """Name of the part."""
    activation: Callable[[float], float] = abs
    """Function."""


class Strict(Eye):
    """Says in its JSON Schema what is not so."""

    use: Literal["strict"] = "strict"  # type: ignore[assignment]
    """Name of the part."""
    depth: int = Field(default=2, json_schema_extra={"minimum": 3})
    """Blocks."""


class Talks(Eye):
    """Gives text in place of misfits."""

    use: Literal["talks"] = "talks"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Any:
        return ["too small"] if context.image_size < 32 else []


class Points(Eye):
    """Blames a field that is not there."""

    use: Literal["points"] = "points"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Any:
        return [Misfit("ptach", "too small")] if context.image_size < 32 else []


class Divides(Eye):
    """Fails for some contexts."""

    use: Literal["divides"] = "divides"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Any:
        share = 1 / (context.sentences - 1)
        return [Misfit("", "too few sentences")] if share > 1 else []


class Fails(Eye):
    """Cannot be built."""

    use: Literal["fails"] = "fails"  # type: ignore[assignment]
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        raise FileNotFoundError("weights.safetensors")


class Returns(Eye):
    """Builds something else."""

    use: Literal["returns"] = "returns"  # type: ignore[assignment]
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        return abs


class Fits(Eye):
    """Fits nowhere."""

    use: Literal["fits"] = "fits"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Any:
        yield Misfit("", "is never right")


class Wrong(Eye):
    """Its own default is refused."""

    use: Literal["wrong"] = "wrong"  # type: ignore[assignment]
    """Name of the part."""
    depth: int = Field(default=0, ge=1)
    """Blocks."""


BROKEN = [
    ("offerable", Nameless, "has the name 'Eye One'; names are lower-case"),
    ("offerable", Neither, "an Encoder and no more"),
    ("documented", Mute, "class Mute has no docstring"),
    ("documented", Terse, "no docstring under depth, band.high"),
    ("frozen", Soft, "changes 'frozen'; received False; expected True"),
    ("frozen", Loose, "changes 'extra'; received 'ignore'; expected 'forbid'"),
    ("toml-round-trip", Rounds, "another part after a round trip .*scale=0.2[^5].*scale=0.25"),
    ("toml-round-trip", Wordy, "its own TOML is refused; .*depth"),
    ("json-schema", Odd, "no JSON Schema can be made"),
    ("json-schema", Strict, "refuses depth; received 2 is less than the minimum of 3"),
    ("misfits-told", Talks, "something else for image_size=16; received 'too small'"),
    ("misfits-told", Points, "a field that the part does not have, .*received 'ptach'"),
    ("misfits-told", Divides, "raised for sentences=1; received ZeroDivisionError"),
    ("builds", Fails, r"raised FileNotFoundError: weights.safetensors"),
    ("builds", Returns, "gave no module; received a value of type builtin_function"),
    ("builds", Fits, "does not fit into .*: is never right"),
    ("builds", Wrong, "Wrong.. cannot be made with its defaults"),
]


@pytest.mark.parametrize(("name", "part", "message"), BROKEN)
def test_a_broken_schema_is_caught(caught, name, part, message):
    caught(name, part, message, sound=Eye)


HEAVY = """
import numpy
from typing import Literal
from mfclip.parts import ImageEncoder

class AcmeVit(ImageEncoder):
    use: Literal["acme-vit"] = "acme-vit"
    width = property(lambda self: 8)
    def build(self, context):
        return numpy
"""
BROKEN_MODULES = [
    (
        "light-import",
        HEAVY,
        "importing acme_plugin loads heavy packages; received numpy; .*inside build",
    ),
    (
        "light-import",
        f"import sys\nif 'pytest' not in sys.modules: 1 / 0\n{HEAVY}",
        "cannot be imported",
    ),
]


@pytest.mark.parametrize(("name", "source", "message"), BROKEN_MODULES)
def test_a_heavy_module_is_caught(caught, install_plugin, name, source, message):
    from importlib import import_module

    from mfclip.testing.fresh_process import heavy_imports

    heavy_imports.cache_clear()  # both cases are one module of one name
    install_plugin(source)
    caught(name, import_module("acme_plugin").AcmeVit, message, sound=Eye)
