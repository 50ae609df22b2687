"""``[candidates]``: settings with several values each, and the combinations of them. No torch.

Keys are dotted, as ``--set`` takes them; each has a list of values. A candidate is one value of
every key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from mfclip.recipe.messages import shown
from mfclip.recipe.overrides import key_path
from mfclip.recipe.places import KeyPath

MOST = 100
"""Combinations that a recipe may ask for."""
FIXED = {
    "recipe": "it is the version of the format",
    "name": "it changes nothing that is learnt",
    "assembly": "it is where the recipe starts from; list what differs",
    "from_assembly": "it is a note without effect",
    "data": "candidates are compared on the same images",
    "evaluation": "it changes nothing that is learnt",
    "candidates": "candidates hold no candidates",
    "preprocessing.smallest": "it changes nothing that is learnt",
    "training.validation": "it is how the candidates are compared",
    "training.seed": "a seed that was lucky on some images is not on others",
    "training.workers": "it changes nothing that is learnt",
    "training.checkpoint_steps": "it changes nothing that is learnt",
}
"""What no candidate may change, and why not."""


def lists_of(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """What stands at the ends of nested tables, with the keys that lead there."""
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            yield from lists_of(value, here)
        else:
            yield here, value


def flat(table: Any) -> Any:
    """The table with dotted keys only: ``a.b = [1]`` and ``"a.b" = [1]`` say the same.

    Anything but a table is given back as it is. Raises :class:`ValueError` for a key given twice,
    or without a list of values.
    """
    if not isinstance(table, Mapping):
        return table
    found: dict[str, Any] = {}
    for path, value in lists_of(table):
        key = ".".join(map(str, path))
        if key in found:
            raise ValueError(f"'{key}' is given twice")
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(f"'{key}' should have a list of values to try, got {shown(value)}")
        found[key] = value
    return found


def combined(candidates: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, int]]:
    """For each candidate the place of its value by key; the last key's values change fastest."""
    for places in product(*(range(len(values)) for values in candidates.values())):
        yield dict(zip(candidates, places, strict=True))


def complaints(candidates: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str | None, str]]:
    """(key, message) of what is wrong with the table before any combination is looked at."""
    paths = {key: key_path(key) for key in candidates}
    for key, values in candidates.items():
        path = paths[key]
        if path is None:
            yield key, "is no dotted key, such as training.learning_rate"
            continue
        yield from ((key, message) for message in _refused(path, values))
        if any(_inside(path, other) for name, other in paths.items() if name != key and other):
            yield key, "lies inside another key of this table; give whole tables, or their keys"
        if any(value in values[:place] for place, value in enumerate(values)):
            yield key, "has a value twice, which would train the same again"
    number = math.prod(len(values) for values in candidates.values())
    if number > MOST:
        yield None, f"asks for {number} combinations; at most {MOST} are tried"


def _refused(path: KeyPath, values: tuple[Any, ...]) -> Iterator[str]:
    for name, reason in FIXED.items():
        fixed = key_path(name)
        assert fixed is not None
        mentioned = any(_mentions(value, fixed[len(path) :]) for value in values)
        if _inside(path, fixed) or (_inside(fixed, path) and mentioned):
            yield f"may not differ between candidates: {name}: {reason}"


def _inside(path: KeyPath, outer: KeyPath) -> bool:
    return path[: len(outer)] == outer


def _mentions(value: Any, path: KeyPath) -> bool:
    """Whether a value says something at a path inside it; one that is no table says all."""
    for key in path:
        if not isinstance(value, Mapping):
            return True
        if key not in value:
            return False
        value = value[key]
    return True
