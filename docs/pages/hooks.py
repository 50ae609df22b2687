"""The page of hooks and of the contracts behind them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mfclip.hookspecs import HOOKS
from mfclip.parts import Part
from mfclip.recipe.messages import role
from pages.catalogue import BASES
from pages.markdown import code, link, page, prose, table
from pages.source import ClassSource, classes, parse, signature

_EXAMPLE = '''
from typing import Literal

from pydantic import Field

from mfclip.hookspecs import hookimpl
from mfclip.parts import BuildContext, ImageEncoder


class AcmeColours(ImageEncoder):
    """Mean colours of a coarse grid, projected."""

    use: Literal["acme-colours"] = "acme-colours"
    """Name of the part."""
    dim: int = Field(default=256, ge=1)
    """d: length of the embedding."""

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def build(self, context: BuildContext):
        """Make the module. torch is imported here and nowhere above."""
        from torch import nn

        return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, self.dim))


@hookimpl
def mfclip_encoders() -> list[type[ImageEncoder]]:
    """Offer the part."""
    return [AcmeColours]
'''
_ENTRY_POINT = """
[project.entry-points.mfclip]
acme = "acme_encoder"
"""


def write() -> str:
    """The page."""
    return page(
        "# Hooks",
        "A plugin is a module that an entry point of the group `mfclip` names. Its functions "
        "marked with `mfclip.hookimpl` return classes of parts.",
        "A whole plugin:",
        code(_EXAMPLE, "python"),
        "In the `pyproject.toml` of its distribution:",
        code(_ENTRY_POINT, "toml"),
        "## The hooks",
        table(("Hook", "Kind", "Base classes of the parts"), map(_row, HOOKS)),
        *_hooks(),
        "## The base classes",
        "In `mfclip.parts`.",
        *_described(_named("parts.py", _part_classes())),
        "## What parts are told, and how they refuse",
        "In `mfclip.parts`.",
        *_described(_named("parts.py", ["BuildContext", "Misfit", "Origin"])),
        "## What the detector gives and what losses are given",
        "In `mfclip.detector.outputs`. A loss is called with both.",
        *_described(classes(parse("detector/outputs.py"))),
        "## Protocols of built objects",
        "In `mfclip.detector.protocols`; nothing needs to be inherited.",
        *_described(classes(parse("detector/protocols.py"))),
    )


def described_elsewhere() -> set[str]:
    """Classes that have their description on this page."""
    return {*_part_classes(), "BuildContext", "Misfit", "Origin"}


def _row(hook: str) -> tuple[str, str, str]:
    bases = ", ".join(link(f"`{b.__name__}`", "hooks.md", b.__name__) for b in _bases(hook))
    return link(f"`{hook}`", "hooks.md", hook), f"`{HOOKS[hook]}`", bases


def _bases(hook: str) -> list[type[Part]]:
    return [base for base in BASES if base.kind == HOOKS[hook]]


def _hooks() -> Iterator[str]:
    for node in parse("hookspecs.py").body:
        if isinstance(node, ast.FunctionDef) and node.name in HOOKS:
            yield f"### {node.name}"
            yield code(f"@hookimpl\ndef {signature(node)}: ...", "text")
            yield prose(ast.get_docstring(node))
            for base in _bases(node.name):
                parts = link(f"Parts that ship: {role(base)}", "parts.md", role(base))
                yield f"`{base.__name__}`. {prose(base.__doc__)}\n\n{parts}."


def _part_classes() -> list[str]:
    """Every class from which a plugin may derive, general ones first."""
    names = dict.fromkeys(
        owner.__name__ for base in BASES for owner in reversed(base.__mro__) if _is_part(owner)
    )
    return list(names)


def _is_part(owner: type) -> bool:
    return issubclass(owner, Part)


def _named(path: str, names: list[str]) -> list[ClassSource]:
    found = {one.name: one for one in classes(parse(path))}
    return [found[name] for name in names]


def _described(found: list[ClassSource]) -> Iterator[str]:
    for one in found:
        yield f"### {one.name}"
        known = [base for base in one.bases if base not in ("BaseModel", "Protocol", "NamedTuple")]
        yield f"Extends {', '.join(f'`{base}`' for base in known)}." if known else ""
        yield one.doc
        yield one.listed()
