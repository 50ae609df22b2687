"""Recipes back to TOML, with every default filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w
from pydantic import BaseModel

from mfclip.errors import RecipeError
from mfclip.parts import Part
from mfclip.recipe.model import RECORD, Recipe

SCHEMA_LINE = "#:schema mfclip.schema.json"
"""First line of a recipe: where TOML editors look for the JSON Schema."""


def to_toml(recipe: Recipe) -> str:
    """The recipe as a text that depends on no assembly and no default.

    Reading it gives an equal recipe. Fields without a value are left out.

    Raises
    ------
    RecipeError
        Where a field was emptied that is not empty by default: TOML cannot say so.
    """
    tree = to_tree(recipe)
    name = tree.pop("assembly", None)
    began = f"; it began as the assembly {literal(name)}" if name is not None else ""
    lines = [SCHEMA_LINE, f"# Every default is filled in{began}."]
    if name is not None:
        lines.append(f"# Nothing is taken from there any more: {RECORD} is only a note.")
        tree = {"recipe": tree.pop("recipe"), "name": tree.pop("name"), RECORD: name, **tree}
    return "\n".join([*lines, *_section(tree, "")]) + "\n"


def to_tree(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested tables and lists, such as TOML holds. Raises as :func:`to_toml`."""
    return _table(recipe, "recipe")


def part_to_toml(part: Part) -> str:
    """One part as the TOML of its table, with every default filled in; the header left out.

    Raises
    ------
    RecipeError
        As :func:`to_toml`.
    """
    return "\n".join(_section(_table(part, part.use), "")) + "\n"


def _table(model: BaseModel, path: str) -> dict[str, Any]:
    """A schema's fields in their order, as TOML can hold them."""
    table: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value is not None:
            table[name] = _plain(model, name, value, f"{path}.{name}")
        elif field.is_required() or field.get_default(call_default_factory=True) is not None:
            raise RecipeError(f"{path}.{name} is None, which TOML cannot hold; give it a value")
    return table


def _plain(model: BaseModel, name: str, value: Any, path: str) -> Any:
    # Tables are walked here and not by pydantic, which would cut a part in a slot down to the
    # fields of the slot's base class.
    if isinstance(value, BaseModel):
        return _table(value, path)
    if isinstance(value, list | tuple) and any(isinstance(item, BaseModel) for item in value):
        return [_table(item, f"{path}.{i}") for i, item in enumerate(value)]
    return model.model_dump(mode="json", include={name}, exclude_none=True)[name]


def _section(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """Lines of a table: its own values first, then the tables below it."""
    below = {key: value for key, value in table.items() if _is_section(value)}
    for key, value in table.items():
        if key not in below:
            yield f"{_key(key)} = {literal(value)}"
    for key, value in below.items():
        here = f"{path}.{_key(key)}" if path else _key(key)
        for item in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{here}]]" if isinstance(value, list) else f"[{here}]"
            yield from _section(item, here)


def _is_section(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def literal(value: Any) -> str:
    """A value as TOML on one line; the TOML writer would spread each array over many."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(key)} = {literal(inner)}" for key, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")
