"""``--set key=value``: changes to a recipe from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfclip.recipe.messages import Problems
from mfclip.recipe.places import Document, KeyPath, Place


def read_overrides(overrides: Sequence[str], root: Place, problems: Problems) -> Document:
    """One document of all ``key=value`` texts; later ones win.

    The key is dotted, and whole numbers in it count list items from 0. The value is read as
    TOML, and as plain text where it is none. Relative paths start at the current directory.
    ``root`` is the place of the recipe that they change.
    """
    tree: dict[Any, Any] = {}
    places: dict[KeyPath, Place] = {(): root}
    for text in overrides:
        place = Place(f"--set {text}", folder=Path.cwd())
        key, equals, value = text.partition("=")
        path = key_path(key)
        if not (path and equals):
            problems.at(place, (), "expected key=value, like training.epochs=2")
        elif (clash := insert(tree, path, _value(value))) is not None:
            problems.at(place, path, f"'{clash}' was set to a single value before")
        else:
            for length in range(1, len(path) + 1):
                places[path[:length]] = place
    return Document(tree, places)


def key_path(key: str) -> KeyPath | None:
    """The keys of a dotted TOML key, whole numbers as such; None where it is none."""
    try:
        node: Any = tomllib.loads(f"{key.strip()} = 0") if "\n" not in key else {}
    except (ValueError, RecursionError):
        return None
    path: list[str | int] = []
    while isinstance(node, dict) and len(node) == 1:
        name, node = next(iter(node.items()))
        path.append(int(name) if name.isascii() and name.isdecimal() else name)
    return tuple(path) if node == 0 else None


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # thousands of digits or brackets are no TOML to us
        return text
    # A line break in the text could smuggle in further keys.
    return parsed["value"] if parsed.keys() == {"value"} else text


def insert(tree: dict[Any, Any], path: KeyPath, value: Any) -> str | None:
    """Put a value into the tree; the key that stands in the way, if one does."""
    for depth, key in enumerate(path[:-1]):
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            return ".".join(map(str, path[: depth + 1]))
    tree[path[-1]] = value
    return None
