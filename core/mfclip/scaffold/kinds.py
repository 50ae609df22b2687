"""What the template of each kind makes."""

from __future__ import annotations

from dataclasses import dataclass

from mfclip.errors import UsageError
from mfclip.hookspecs import HOOKS
from mfclip.parts import BASES, KINDS
from mfclip.text import did_you_mean


@dataclass(frozen=True, slots=True)
class Template:
    """One kind's template: the working part that it starts an author with."""

    kind: str
    """One of :data:`mfclip.parts.KINDS`, and the template's folder."""
    summary: str
    """What the package holds, after "A plugin for mfclip:"."""
    word: str
    """The part's name after the prefix: ``residual`` makes ``acme-residual``."""
    module: str
    """Python module that computes; its imports are the heavy ones."""
    recipe: bool = True
    """Whether recipes have a place for the kind."""
    assets: tuple[str, ...] = ()
    """Files of the template that are copied as they are into ``tests``."""

    @property
    def hook(self) -> str:
        """The hook that offers the kind."""
        return next(hook for hook, kind in HOOKS.items() if kind == self.kind)

    @property
    def base(self) -> str:
        """Name of the kind's base class in :mod:`mfclip.parts`."""
        return BASES[self.kind].__name__


TEMPLATES: dict[str, Template] = {
    template.kind: template
    for template in (
        Template("encoder", "an image encoder.", "residual", "residual"),
        Template("prompts", "prompts of two sentences.", "sentences", "sentences"),
        Template("alignment", "an alignment of images and text.", "margin", "margin"),
        Template("loss", "a loss.", "focal", "focal"),
        Template("detector", "a whole detector.", "cnn", "cnn"),
        Template(
            "dataset",
            "a reader of a data set.",
            "list",
            "reader",
            assets=("faces/faces.csv", "faces/a.png", "faces/b.png", "faces/c.png", "faces/d.png"),
        ),
        Template("corruption", "an image corruption.", "gamma", "gamma", recipe=False),
        Template("input", "an input beside the image.", "residual", "residual"),
        Template("pseudo-fake", "fakes made of real images.", "tint", "tint"),
        Template("locator", "a finder of faces.", "contrast", "contrast"),
    )
}
"""The template of each kind."""


def template_of(kind: str) -> Template:
    """The template of a kind.

    Raises
    ------
    UsageError
        Where no kind is called so; lists the kinds.
    """
    if kind in TEMPLATES:
        return TEMPLATES[kind]
    raise UsageError(
        f"no kind of part is called {kind!r}{did_you_mean(kind, KINDS)}\n"
        f"    kinds: {', '.join(KINDS)}"
    )
