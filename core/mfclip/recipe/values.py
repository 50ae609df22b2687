"""Plain values against their types: pydantic's findings, told in the words of a recipe."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mfclip.parts import members_of
from mfclip.recipe.messages import shown
from mfclip.recipe.places import KeyPath
from mfclip.recipe.slots import holds_path
from mfclip.text import did_you_mean

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"}


def wrong_values(
    error: ValidationError, values: Mapping[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """(path, message) of each finding; several about one value are joined."""
    told: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        told.setdefault(_input_path(details, values), []).append(details)
    for path, found in told.items():
        texts = list(dict.fromkeys(map(_message, found)))
        joined = " or ".join([texts[0], *(t.removeprefix("should be ") for t in texts[1:])])
        yield path, joined + _received(found[0], joined)


def _input_path(details: ErrorDetails, values: Mapping[str, Any]) -> KeyPath:
    """The finding's location without the names of union members that pydantic mixes in."""
    node: Any = values
    path: list[str | int] = []
    for key in details["loc"]:
        if isinstance(node, Mapping):
            inside = key in node
        else:
            inside = isinstance(node, list | tuple) and isinstance(key, int) and key < len(node)
        if inside:
            node = node[key]
            path.append(key)
    if details["type"] == "missing":
        path.append(details["loc"][-1])
    return tuple(path)


def _message(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind in _EXPECTED:
        return f"should be {_EXPECTED[kind]}"
    if kind in ("too_short", "too_long"):
        return _wrong_length(kind, context)
    if kind == "extra_forbidden":
        return f"unknown key '{details['loc'][-1]}'"
    text = details["msg"]
    for prefix in ("Input ", "String ", "Value error, ", "Assertion failed, "):
        text = text.removeprefix(prefix)
    return " ".join(text.split())


def _wrong_length(kind: str, context: Mapping[str, Any]) -> str:
    word, bound = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
    items = "item" if context[bound] == 1 else "items"
    return f"should have at {word} {context[bound]} {items}"


def _received(details: ErrorDetails, message: str) -> str:
    """``, got X``, where the message does not say so itself, and a near choice."""
    value = details["input"]
    unsaid = details["type"] in ("missing", "extra_forbidden")
    if unsaid or (isinstance(value, Mapping | BaseModel) and details["type"] == "value_error"):
        return ""
    got = "" if "got " in message else f", got {shown(value)}"
    if details["type"] in ("literal_error", "enum") and isinstance(value, str):
        choices = [part.strip(" '") for part in _choices(details)]
        return got + did_you_mean(value, choices)
    return got


def _choices(details: ErrorDetails) -> list[str]:
    expected = str(details.get("ctx", {}).get("expected", ""))
    return expected.replace(" or ", ",").split(",")


def loose_values(raw: Any, annotation: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """(path, message) of values that pydantic would take although their type is another.

    A recipe that reads ``layers = true`` or ``layers = "6"`` is a mistake, not a way to say 1
    or 6. Text is let through where only a validator of the schema's own can make sense of it.
    NaN, and numbers that TOML's 64 bits do not hold, are refused whatever the type.
    """
    if odd := _odd_number(raw):
        yield path, odd
        return
    if isinstance(raw, Mapping):
        for key, item in raw.items():
            yield from _odd_numbers(item, (*path, key))
    members = members_of(annotation)
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from loose_values(item, annotation, (*path, index))
        return
    expected = _EXPECTED_OF.get(frozenset(members) - {type(None)})
    is_truth = isinstance(raw, bool)
    as_text = _reads_as_value(raw)
    as_number = isinstance(raw, int | float) and not is_truth
    if expected and (
        as_text or (as_number and bool in members) or (is_truth and bool not in members)
    ):
        yield path, f"should be {expected}, got {shown(raw)}"


def _odd_numbers(raw: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The same refusals at any depth of a table whose keys have no types of their own."""
    if odd := _odd_number(raw):
        yield path, odd
    inner = raw.items() if isinstance(raw, Mapping) else enumerate(raw) if _is_list(raw) else ()
    for key, item in inner:
        yield from _odd_numbers(item, (*path, key))


def _odd_number(raw: Any) -> str | None:
    if isinstance(raw, float) and math.isnan(raw):
        return "should be a number, got nan"
    if isinstance(raw, int) and not -(2**63) <= raw < 2**63:
        return f"should be a number of at most 64 bits, got {shown(raw)}"
    return None


def _is_list(raw: Any) -> bool:
    return isinstance(raw, list | tuple)


_EXPECTED_OF = {
    frozenset({int}): "a whole number",
    frozenset({float}): "a number",
    frozenset({int, float}): "a number",
    frozenset({bool}): "true or false",
}


def _reads_as_value(raw: Any) -> bool:
    """Whether this is text that pydantic itself turns into a number or a truth value."""
    if not isinstance(raw, str):
        return False
    try:
        float(raw)
    except ValueError:
        return raw.strip().lower() in _BOOLEAN_WORDS
    return True


def with_absolute_paths(value: Any, annotation: Any, folder: Path | None) -> Any:
    """The value with each relative path in it made absolute, starting at ``folder``."""
    if isinstance(value, list):
        return [with_absolute_paths(item, annotation, folder) for item in value]
    if folder is None or not isinstance(value, str) or not holds_path(annotation, value):
        return value
    # abspath, not resolve: symbolic links stay as the user wrote them. expanduser of os.path, not
    # of Path: of a user that does not exist it makes a plain name and no error.
    return os.path.abspath(folder / os.path.expanduser(value))  # noqa: PTH100, PTH111
