"""The keys of a table: what each holds, what it allows, and its default."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata, Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mfclip.parts import Part
from mfclip.recipe.describe import field_docs
from mfclip.recipe.messages import role
from mfclip.recipe.slots import slot_of, table_of
from pages.catalogue import choices
from pages.markdown import link, prose, table

_WORDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    PurePath: "path",
}
_LIMITS: dict[type, tuple[str, str]] = {
    Ge: ("ge", "at least {}"),
    Gt: ("gt", "above {}"),
    Le: ("le", "at most {}"),
    Lt: ("lt", "below {}"),
    MultipleOf: ("multiple_of", "a multiple of {}"),
    MinLen: ("min_length", "{} or more items"),
    MaxLen: ("max_length", "at most {} items"),
}


def field_table(schema: type[BaseModel], *, leave_out: tuple[str, ...] = ()) -> str:
    """The keys of a schema, those of tables within it too; empty where there are none."""
    rows = [row for row in _rows(schema, "") if row[0].strip("`") not in leave_out]
    return table(("Key", "Holds", "Allowed", "Default", "Meaning"), rows) if rows else ""


def _rows(schema: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    docs = field_docs(schema)
    for name, field in schema.model_fields.items():
        key = prefix + name
        yield f"`{key}`", holds(field), allowed(field), default(field), prose(docs.get(name))
        below = table_of(field)
        inner = _named_tables(field.annotation)
        if below is not None:
            yield from _rows(below, f"{key}.")
        elif inner is not None:
            yield from _rows(inner, f"{key}.NAME.")


def holds(field: FieldInfo) -> str:
    """The type of a key, in the words of a recipe."""
    slot = slot_of(field)
    if slot is None:
        return "table" if table_of(field) else _type(field.annotation)
    noun = role(slot.base)
    linked = link(noun, "parts.md", noun)
    return f"list of tables, each: {linked}" if slot.many else linked


def allowed(field: FieldInfo) -> str:
    """Choices and limits of a key; empty where its type says it all."""
    slot = slot_of(field)
    if slot is not None:
        return choices(slot.base)
    literals = [f"`{json.dumps(value)}`" for value in _literals(field.annotation)]
    return ", ".join([*literals, *_limits(field)])


def default(field: FieldInfo) -> str:
    """The default of a key as TOML writes it."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    if isinstance(value, Part):
        return f"`{value.use}`"
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _limits(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        if type(limit) in _LIMITS:
            attribute, words = _LIMITS[type(limit)]
            number = getattr(limit, attribute)
            text = isinstance(limit, MinLen) and field.annotation is str
            yield "not empty" if text else words.format(number)
        elif pattern := getattr(limit, "pattern", None):
            yield f"matches `{pattern}`".replace("|", "\\|")
        elif isinstance(limit, BaseMetadata):
            raise TypeError(f"no words for the limit {limit!r}; add them to {__name__}")


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return "value"
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(m) for m in inner if m is not type(None)))
    if origin is Literal:
        return " or ".join(dict.fromkeys(_WORDS[type(value)] for value in inner))
    if origin in (tuple, list):
        count = "" if origin is list or Ellipsis in inner else f" of {len(inner)}"
        return f"list{count}, each: {_type(inner[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table, each: {_type(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return next(word for known, word in _WORDS.items() if issubclass(annotation, known))


def _literals(annotation: Any) -> Iterator[object]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Annotated, Union, types.UnionType):
        for inner in get_args(annotation):
            yield from _literals(inner)


def _named_tables(annotation: Any) -> type[BaseModel] | None:
    """The schema of the tables in a table of tables with names of the user's own."""
    for inner in get_args(annotation):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None
