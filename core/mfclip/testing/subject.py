"""The part under test, built once for all of its checks."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mfclip.errors import in_one_line
from mfclip.parts import MODULES, BuildContext, Misfit, Part
from mfclip.recipe.slots import parts_within
from mfclip.testing.faults import Fault

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfclip.testing.probes import Probe

SMALL = BuildContext(image_size=64, sentences=2, prompts=4, batch_size=6)
"""What parts are told where the author of a test does not say."""
FRAMES = 4
"""Of the clips that a part which reads clips is told of."""
_SIZES = (64, 96, 112, 128, 160, 192, 224, 256, 288, 299, 320, 336, 384, 448, 512)
"""Image sizes to try, pixels; the first that the part accepts is taken."""


def schema_of(part: Part | type[Part]) -> type[Part]:
    """The class of a part that was given as class or instance."""
    return part if inspect.isclass(part) else type(part)


def owner_of(part: Part | type[Part]) -> str:
    """How messages name a part: kind, name, and where its schema lives."""
    schema = schema_of(part)
    name = schema.model_fields["use"].default
    return f"{schema.kind} {name!r} ({schema.__module__}.{schema.__qualname__})"


def misfits_of(part: Part, context: BuildContext) -> list[Misfit]:
    """What a part and the parts inside it say against a context, as a recipe would ask them."""
    inside = [inner for _, inner in parts_within(part)]
    return [misfit for one in (part, *inside) for misfit in one.misfits(context)]


class Subject:
    """One part and what its checks share. A :class:`Fault` tells why something cannot be had."""

    def __init__(self, given: Part | type[Part], context: BuildContext | None = None) -> None:
        self.given = given
        self.schema = schema_of(given)
        self.name = str(self.schema.model_fields["use"].default)
        self.owner = owner_of(given)
        self._context = context

    @cached_property
    def part(self) -> Part:
        """The part itself; from a class, with its defaults."""
        if isinstance(self.given, Part):
            return self.given
        try:
            return self.given()  # type: ignore[call-arg]  # `use` has a default
        except Exception as error:
            raise Fault(
                f"{self.schema.__name__}() cannot be made with its defaults",
                received=in_one_line(error),
                expected="defaults that its own checks accept",
            ) from error

    @cached_property
    def context(self) -> BuildContext:
        """What the part is told: as given, or small."""
        if self._context is not None:
            return self._context
        small = replace(SMALL, frames=FRAMES if getattr(self.part, "clips", False) else None)
        for size in _SIZES:
            context = replace(small, image_size=size)
            if not misfits_of(self.part, context):
                return context
        return small

    def build(self, *, seed: int = 0, **changes: Any) -> Any:
        """Build the part anew after seeding torch; ``changes`` are fields of the context."""
        import torch

        if changes or seed:
            self.ready()  # where nothing can be built, that is the one thing to tell
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            context = replace(self.context, **changes)
            try:
                return self.part.build(context)
            except Exception as error:
                raise Fault(
                    f"build({_shown(context)}) raised {in_one_line(error)}",
                    advice="where the part cannot work there, let misfits() say so",
                ) from error

    def fresh(self, *, seed: int = 0, **changes: Any) -> nn.Module:
        """A new module, in the mode in which the part built it."""
        from torch import nn

        built = self.build(seed=seed, **changes)
        if isinstance(built, nn.Module):
            return built
        raise Fault(
            "build() gave no module",
            received=f"a value of type {type(built).__name__}",
            expected="a torch.nn.Module",
        )

    @cached_property
    def module(self) -> nn.Module:
        """The module in eval mode. Shared: a check that changes a module takes a fresh one."""
        return self.fresh().eval()

    @cached_property
    def built(self) -> Any:
        """What was built, for kinds that are no modules. Shared."""
        return self.build()

    def ready(self) -> None:
        """Build, where that was not done yet."""
        _ = self.module if isinstance(self.part, MODULES) else self.built

    @cached_property
    def probe(self) -> Probe:
        """How a module of this kind is fed and read."""
        from mfclip.testing.probes import probe_of

        return probe_of(self.part, self.context)

    @cached_property
    def reference(self) -> dict[str, Tensor]:
        """The shared module's outputs for the probe's first inputs."""
        import torch

        with torch.no_grad():
            return self.probe.run(self.module, self.probe.inputs())


def _shown(context: BuildContext) -> str:
    told = f"image_size={context.image_size}, sentences={context.sentences}"
    return f"{told}, prompts={context.prompts}, batch_size={context.batch_size}"
