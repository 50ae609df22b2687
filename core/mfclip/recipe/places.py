"""Where each value of a recipe was written, so that every message can say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root of a document to a value."""


def dotted(path: KeyPath) -> str:
    """``("loss", 1, "weight")`` as ``loss.1.weight``."""
    return ".".join(map(str, path))


@dataclass(frozen=True, slots=True)
class Place:
    """One spot in a file or on the command line."""

    origin: str
    """A file as the user named it, or ``--set key=value``."""
    line: int | None = None
    """Counted from 1; None for the command line."""
    folder: Path | None = None
    """Where relative paths that are written here start; None leaves them as they are."""

    def __str__(self) -> str:
        return self.origin if self.line is None else f"{self.origin}:{self.line}"


@dataclass(frozen=True, slots=True)
class Document:
    """A tree of values with the place of each."""

    tree: Mapping[str, Any]
    """Tables as dicts, arrays as lists."""
    places: Mapping[KeyPath, Place]
    """Where keys and list items were written; the root is always known."""
    removed: Mapping[str, Place] = field(default_factory=dict)
    """Tables that were switched off with ``table = false``, and where."""

    def place(self, path: KeyPath) -> Place:
        """Where a value was written, or the nearest table around it that was."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places[path]

    def below(self, path: KeyPath) -> Document:
        """The table at ``path`` as a document of its own."""
        tree: Any = self.tree
        for key in path:
            tree = tree[key]
        depth = len(path)
        places = {p[depth:]: at for p, at in self.places.items() if p[:depth] == path}
        return Document(tree, {(): self.place(path), **places})
