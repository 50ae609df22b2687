"""JSON of a bundle, read so that every reader of it sees the same thing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from mfclip.errors import BundleError
from mfclip.text import printable

DEEPEST = 64
"""Objects and arrays that may lie inside each other; a bundle's need eight."""


def read_json(text: str, origin: str) -> dict[str, Any]:
    """The object of a JSON text.

    Raises
    ------
    BundleError
        For what is no JSON object, repeats a key, holds NaN or Infinity, or is nested deeper
        than :data:`DEEPEST`: programs do not agree on what such a text says.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_distinct, parse_constant=_no_number, parse_float=_finite
        )
        _check_depth(value)
    except RecursionError as error:
        raise BundleError(f"{origin} is damaged: nested too deeply to be read") from error
    except ValueError as error:
        raise BundleError(f"{origin} is damaged: {printable(str(error))}") from error
    if not isinstance(value, dict):
        raise BundleError(f"{origin} is damaged: expected a JSON object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    number = float(word)
    if math.isinf(number):
        raise ValueError(f"{word} is too large a number")
    return number


def _check_depth(value: Any) -> None:
    """Level by level, so that the check itself needs no recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise RecursionError


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
