"""What a schema's fields hold: other parts, further tables, paths, or plain values."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mfclip.parts import Part, members_of


@dataclass(frozen=True, slots=True)
class Slot:
    """A field that a recipe fills with parts by name."""

    base: type[Part]
    """What may be put there: any offered part of this class."""
    many: bool
    """True for an array of parts."""


def slot_of(field: FieldInfo) -> Slot | None:
    """The slot that a field is, or None.

    ``Base``, ``Base | None``, ``tuple[Base, ...]`` and ``list[Base]`` are slots, with or without
    ``SerializeAsAny`` around ``Base``.
    """
    annotation = _bare(field.annotation)
    if _is_subclass(annotation, Part):
        return Slot(annotation, many=False)
    if get_origin(annotation) in (tuple, list):
        items = [_bare(item) for item in get_args(annotation) if item is not Ellipsis]
        if len(items) == 1 and _is_subclass(items[0], Part):
            return Slot(items[0], many=True)
    return None


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The schema of a field that is a table of plain values, or None."""
    annotation = _bare(field.annotation)
    if _is_subclass(annotation, BaseModel) and not issubclass(annotation, Part):
        return annotation  # type: ignore[no-any-return]
    return None


def slots(schema: type[BaseModel]) -> Iterator[tuple[str, Slot]]:
    """Every slot of a schema, in the order of its fields."""
    for name, field in schema.model_fields.items():
        slot = slot_of(field)
        if slot is not None:
            yield name, slot


def parts_within(
    model: BaseModel, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Part]]:
    """Every part inside a recipe, table or part, at any depth, with its path; outer ones first."""
    for name, field in type(model).model_fields.items():
        value, slot = getattr(model, name), slot_of(field)
        if slot is None:
            if isinstance(value, BaseModel):
                yield from parts_within(value, (*path, name))
            continue
        found = enumerate(value or ()) if slot.many else [(None, value)]
        for index, part in found:
            if isinstance(part, Part):
                here = (*path, name) if index is None else (*path, name, index)
                yield here, part
                yield from parts_within(part, here)


def holds_path(annotation: Any, text: str) -> bool:
    """Whether ``text`` in a field of this type is meant as a path.

    It is not where the type also takes any text, this very word as a choice, or a name that one
    of its members ``takes``. A ``PurePath`` is one inside something else, such as a table's place
    in a data set.
    """
    members = members_of(annotation)
    named = any(member.takes(text) for member in members if hasattr(member, "takes"))
    return Path in members and str not in members and text not in members and not named


def _bare(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [member for member in get_args(annotation) if member is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _is_subclass(annotation: Any, base: type) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, base)
