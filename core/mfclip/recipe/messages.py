"""How problems of a recipe are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mfclip.errors import RecipeError
from mfclip.parts import (
    BASES,
    Encoder,
    ImageEncoder,
    Part,
    TextEncoder,
)
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.places import Document, KeyPath, Place, dotted
from mfclip.text import printable

_LONGEST = 60
_WIDEST = 4096
"""Bits of an integer that Python still writes in decimals without complaint."""
_ROLES: dict[type, str] = {
    ImageEncoder: "image encoder",
    TextEncoder: "text encoder",
    Encoder: "encoder",
    BASES["prompts"]: "prompts part",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    place: Place
    path: KeyPath
    message: str
    notes: tuple[str, ...] = ()
    """Further lines, shown indented."""

    def __str__(self) -> str:
        where = f"{self.place}: {dotted(self.path)}" if self.path else str(self.place)
        return "\n    ".join([printable(f"{where}: {self.message}"), *self.notes])


class Problems:
    """Gathers the problems of one recipe, so that all are told at once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, document: Document, path: KeyPath, message: str, *notes: str) -> None:
        """A problem of the value at ``path``."""
        self.found.append(Problem(document.place(path), path, message, notes))

    def at(self, place: Place, path: KeyPath, message: str, *notes: str) -> None:
        """A problem of a certain place."""
        self.found.append(Problem(place, path, message, notes))

    def explain_origins(self, document: Document) -> None:
        """Say of each problem in an assembly's file how the recipe comes to depend on it."""
        recipe, named = document.place(()), document.place(("assembly",))
        for index, problem in enumerate(self.found):
            origin = problem.place.origin
            if origin != recipe.origin and not origin.startswith("--set"):
                name = document.tree.get("assembly")
                note = f"note: comes with assembly = {shown(name)} ({named})"
                self.found[index] = replace(problem, notes=(*problem.notes, note))

    def raise_any(self) -> None:
        """Raise :class:`~mfclip.errors.RecipeError` with all of them.

        File by file and by line, the command line last, each text once.
        """
        if self.found:
            origins = list(dict.fromkeys(p.place.origin for p in self.found))
            rank = {name: (name.startswith("--set"), i) for i, name in enumerate(origins)}
            ranked = sorted(self.found, key=lambda p: (rank[p.place.origin], p.place.line or 0))
            raise RecipeError("\n".join(dict.fromkeys(map(str, ranked))))


def shown(value: Any) -> str:
    """A value as a message quotes it, close to how TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, int):
        text = (
            str(value) if value.bit_length() < _WIDEST else f"a number of {value.bit_length()} bits"
        )
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def role(base: type[Part]) -> str:
    """What a part of this base is called, e.g. ``text encoder``."""
    for known, name in _ROLES.items():
        if issubclass(base, known):
            return name
    return str(base.kind)


def a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def eligible(plugins: Plugins, base: type[Part]) -> tuple[Offer, ...]:
    """Every part on offer that a slot of this base takes."""
    return tuple(o for o in plugins.of_kind(base.kind) if issubclass(o.schema, base))


def on_offer(offers: Iterable[Offer], noun: str) -> str:
    """``on offer: x (owner), y (owner)``."""
    names = ", ".join(f"{o.name} ({o.distribution})" for o in offers)
    return f"on offer: {names}" if names else f"on offer: no {noun}, by any installed plugin"


def plugin_notes(plugins: Plugins) -> list[str]:
    """What may explain that a part is not there: broken plugins and disabled distributions."""
    notes = [f"note: {broken}" for broken in plugins.broken]
    return notes + [f"note: distribution '{d}' is switched off" for d in plugins.disabled]
