"""Which checks there are, and to which parts each of them applies. No torch.

Every name stands for the function of that name, with underscores, in its group's module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mfclip.parts import (
    MODULES,
    Alignment,
    Corruption,
    Dataset,
    Detector,
    ImageEncoder,
    Input,
    Locator,
    Loss,
    Part,
    Prompts,
    PseudoFake,
    TextEncoder,
)

if TYPE_CHECKING:
    from mfclip.testing.subject import Subject


@dataclass(frozen=True, slots=True)
class Entry:
    """One check, not yet loaded."""

    name: str
    """Kebab-case."""
    module: str
    """Where its function is."""
    bases: tuple[type[Part], ...]
    """It applies to parts of these classes."""

    def load(self) -> Callable[[Subject], None]:
        """The function; for most checks this imports torch."""
        function = getattr(import_module(self.module), self.name.replace("-", "_"))
        return cast("Callable[[Subject], None]", function)

    @property
    def doc(self) -> str:
        """What it asks for: the first paragraph of the function's docstring, on one line."""
        return " ".join((self.load().__doc__ or "").partition("\n\n")[0].split())


_IMAGES = (ImageEncoder, Detector)
_GROUPS: tuple[tuple[str, tuple[type[Part], ...], str], ...] = (
    (
        "schema",
        (Part,),
        "offerable documented frozen toml-round-trip json-schema misfits-told light-import builds",
    ),
    (
        "module",
        MODULES,
        "output-shape batch-sizes eval-deterministic input-untouched mode-kept",
    ),
    (
        "training",
        MODULES,
        "gradients-reach-parameters state-dict-round-trip unpretrained-architecture "
        "bf16-autocast compiles deep-copies",
    ),
    ("encoder", (*_IMAGES, TextEncoder), "batch-independent outputs-tell-apart"),
    ("encoder", (TextEncoder,), "every-sentence-read"),
    ("image", _IMAGES, "extreme-images-finite image-sizes channels-last"),
    (
        "alignment",
        (Alignment,),
        "normalised-told rows-belong gradients-reach-embeddings any-magnitude",
    ),
    (
        "loss",
        (Loss,),
        "needs-only gradients-reach-outputs one-class-batches finite-at-extremes "
        "both-similarities order-independent",
    ),
    ("detector", (Detector,), "gives-in-training"),
    ("reads", _IMAGES, "reads-known works-without-truth"),
    ("input", (Input,), "makes-one-kind source-untouched made-the-same"),
    (
        "prompts",
        (Prompts,),
        "renders-every-label renders-the-same real-and-fake-differ fits-tokens",
    ),
    ("dataset", (Dataset,), "lists-images lists-the-same shares-checked"),
    (
        "corruption",
        (Corruption,),
        "image-kept image-untouched seeded levels-refused changes-the-image grows-with-level",
    ),
    (
        "pseudo_fake",
        (PseudoFake,),
        "labelled-fake fakes-like-the-image both-untouched seed-decides never-unchanged "
        "learnt-state-carries-over",
    ),
    (
        "locator",
        (Locator,),
        "finds-in-any-picture faces-in-pixels points-as-declared picture-untouched found-the-same "
        "crosses-processes",
    ),
)
"""Module, classes of parts, and the names of the checks."""

CATALOGUE: tuple[Entry, ...] = tuple(
    Entry(name, f"mfclip.testing.checks.{module}", bases)
    for module, bases, names in _GROUPS
    for name in names.split()
)
"""Every check, in the order in which they run."""


def checks_of(schema: type[Part]) -> Iterator[Entry]:
    """The checks that apply to a class of parts, in their order."""
    return (entry for entry in CATALOGUE if issubclass(schema, entry.bases))
