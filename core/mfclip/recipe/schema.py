"""JSON Schema of a recipe over the installed parts, for editors and checks."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from mfclip.parts import Part
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.describe import field_docs
from mfclip.recipe.merge import REMOVABLE
from mfclip.recipe.messages import a, eligible, role
from mfclip.recipe.model import RECORD, Recipe
from mfclip.recipe.registry import Registry, read_registry
from mfclip.recipe.slots import Slot, slot_of, table_of

Json = dict[str, Any]


def json_schema(plugins: Plugins, registry: Registry | None = None) -> Json:
    """The schema, draft 2020-12, in words that draft 7 has as well: TOML editors know no later.

    Each slot is one of the parts on offer, told apart by ``use``. A table that an assembly may
    already hold can leave out ``use`` and required keys; what only the whole recipe shows, such
    as widths that do not fit, is left to :func:`mfclip.recipe.read.read_recipe`.

    Parameters
    ----------
    registry
        Its assemblies are the choices of ``assembly``; the shipped ones without it.
    """
    return _Writer(plugins, registry or read_registry()).write()


def part_schema(offer: Offer, plugins: Plugins) -> Json:
    """The schema of one part's own table, draft 2020-12; its slots take the parts on offer."""
    writer = _Writer(plugins, Registry((), {}))
    name = writer._part(offer, strict=True)
    writer.finish()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_reference(name),
        "$defs": writer.definitions,
    }


class _Writer:
    def __init__(self, plugins: Plugins, registry: Registry) -> None:
        self.plugins = plugins
        self.assemblies = registry.assemblies
        self.inherited = {key for a in self.assemblies.values() for key in a.document.tree}
        self.definitions: dict[str, Json] = {}
        self.unfinished: list[tuple[Json, type[Part], list[str]]] = []

    def write(self) -> Json:
        recipe = self._object(Recipe, "recipe", strict=False)
        self.finish()
        properties = recipe["properties"]
        if self.assemblies:
            properties["assembly"]["enum"] = list(self.assemblies)
        properties[RECORD] = {
            "type": "string",
            "description": "Assembly that this filled-in recipe began as; a note without effect.",
        }
        for name in REMOVABLE:
            properties[name] = _removable(properties[name], name)
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **recipe,
            "title": "mfclip recipe",
            "if": {"required": ["assembly"]},
            "else": _stands_alone(),
            "$defs": _reachable(recipe, self.definitions),
        }

    def finish(self) -> None:
        """Fill in the tables without ``use``, now that the parts they may change are known."""
        for changes, base, parts in self.unfinished:
            changes.update(_changes(base, [self.definitions[part] for part in parts]))

    def _object(self, schema: type[BaseModel], name: str, *, strict: bool) -> Json:
        """The schema of a table; slots in it refer to the parts on offer."""
        written = schema.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        for key, inner in written.pop("$defs", {}).items():
            self.definitions[f"{name}.{key}"] = _without_null(inner)
        table: Json = _without_null(written)
        properties, docs = table["properties"], field_docs(schema)
        for key, field in schema.model_fields.items():
            slot, below = slot_of(field), table_of(field)
            if slot is not None:
                own = strict or (schema is Recipe and key not in self.inherited)
                default = field.get_default(call_default_factory=True, validated_data={})
                properties[key] = self._slot(slot, strict=own, default=isinstance(default, Part))
            elif below is not None:
                definition = f"{name}.{key}"
                self.definitions[definition] = self._object(below, definition, strict=strict)
                properties[key] = _reference(definition)
            if key in docs:
                properties[key]["description"] = docs[key]
        if not strict:
            table.pop("required", None)
        return table

    def _slot(self, slot: Slot, *, strict: bool, default: bool) -> Json:
        if slot.many:
            return {"type": "array", "items": self._choice(slot.base, strict=True, partial=False)}
        return self._choice(slot.base, strict=strict, partial=default or not strict)

    def _choice(self, base: type[Part], *, strict: bool, partial: bool) -> Json:
        """A reference to the parts of a base, one of which a table must be."""
        name = f"slot.{base.__module__}.{base.__qualname__}"
        name += ".complete" * strict + ".named" * (not partial)
        if name not in self.definitions:
            self.definitions[name] = {}  # a part may hold parts of its own base
            offers = eligible(self.plugins, base)
            parts = [self._part(offer, strict=strict) for offer in offers]
            changes: Json | None = {} if partial and offers else None
            if changes is not None:
                self.unfinished.append((changes, base, parts))
            named = {o.name: _reference(part) for o, part in zip(offers, parts, strict=True)}
            self.definitions[name] = _by_use(named, changes, base)
        return _reference(name)

    def _part(self, offer: Offer, *, strict: bool) -> str:
        """The name of the definition of a part."""
        name = f"{offer.kind}.{offer.name}{'.complete' * strict}"
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self._described(offer, name, strict=strict)
        return name

    def _described(self, offer: Offer, name: str, *, strict: bool) -> Json:
        try:
            written = self._object(offer.schema, name, strict=strict)
        except PydanticUserError as error:
            # Some types have no JSON form; the recipe itself can still use the part.
            why = f"No schema can be made of this part: {error.message}"
            use = {"const": offer.name}
            return {
                "type": "object",
                "properties": {"use": use},
                "required": ["use"],
                "description": why,
            }
        written["title"] = offer.name
        written["required"] = ["use", *(k for k in written.get("required", ()) if k != "use")]
        return written


def _reference(definition: str) -> Json:
    return {"$ref": f"#/$defs/{definition}"}


def _changes(base: type[Part], parts: list[Json]) -> Json:
    """A table without ``use``: changes to the part that is there already."""
    properties: dict[str, list[Json]] = {}
    for part in parts:
        for key, value in part.get("properties", {}).items():
            seen = properties.setdefault(key, [])
            # One schema under two descriptions stays one, whose mistakes are shown at their key.
            if key != "use" and _undescribed(value) not in map(_undescribed, seen):
                seen.append(value)
    return {
        "title": "changes",
        "description": f"Changes to the {role(base)} that is there already.",
        "type": "object",
        "properties": {
            key: values[0] if len(values) == 1 else {"anyOf": values}
            for key, values in properties.items()
            if values
        },
        "additionalProperties": False,
    }


def _undescribed(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "description"}


def _by_use(parts: dict[str, Json], changes: Json | None, base: type[Part]) -> Json:
    """A table that ``use`` tells apart; ``changes`` describes one without it, None forbids it.

    What is wrong inside the table is then reported at its key, where ``oneOf`` would only say
    that no alternative fits.
    """
    if not parts:
        return {"not": {}, "description": f"No installed plugin offers {a(role(base))}."}
    rules = [
        {"if": {**_object({"use": {"const": name}}), "required": ["use"]}, "then": part}
        for name, part in parts.items()
    ]
    if changes is not None:
        rules.append({"if": {"type": "object", "not": {"required": ["use"]}}, "then": changes})
    return {
        **_object({"use": {"type": "string", "enum": list(parts)}}),
        **({"required": ["use"]} if changes is None else {}),
        "allOf": rules,
        "anyOf": _offered([*parts.values(), *([] if changes is None else [changes])]),
    }


def _removable(table: Json, name: str) -> Json:
    """A table of the recipe that ``false`` takes away."""
    description = table.pop("description", None)
    off = {"const": False, "description": f"Without the assembly's [{name}]."}
    return {
        "if": {"const": False},
        "else": table,
        "anyOf": _offered([table, off]),
        "description": description,
    }


def _offered(choices: list[Json]) -> list[Json]:
    """What editors complete from: they look into ``anyOf`` and not behind ``if``.

    The empty schema at the end lets everything pass; what is right is said elsewhere.
    """
    return [*choices, {}]


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _stands_alone() -> Json:
    """What a recipe without an assembly has to say itself."""
    slots = [name for name, field in Recipe.model_fields.items() if slot_of(field)]
    named = {"if": {"type": "object"}, "then": {"required": ["use"]}}
    return {
        "properties": {name: named for name in slots if name != "loss"},
        "anyOf": [{"required": ["vision"]}, {"required": ["detector"]}],
    }


def _without_null(node: Any) -> Any:
    """The schema without ``null``, which TOML does not have."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {k: _without_null(v) for k, v in node.items() if (k, v) != ("default", None)}
    kept = _without_prefix(kept)
    if {"type": "null"} in kept.get("anyOf", ()):
        choices = [choice for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        return {**choices[0], **kept} if len(choices) == 1 else {"anyOf": choices, **kept}
    return kept


def _without_prefix(node: Json) -> Json:
    """``prefixItems`` as ``items``, which older drafts and so the TOML editors know too.

    Where the items have different types, their order is left to the reader.
    """
    if "prefixItems" not in node:
        return node
    given = node["prefixItems"]
    kinds = [kind for i, kind in enumerate(given) if kind not in given[:i]]
    others = {key: value for key, value in node.items() if key != "prefixItems"}
    return {**others, "items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}


def _reachable(root: Json, definitions: dict[str, Json]) -> dict[str, Json]:
    """The definitions that are referred to from ``root``, directly or not."""
    found: dict[str, Json] = {}
    pending = [root]
    while pending:
        for name in _references(pending.pop()):
            if name not in found:
                found[name] = definitions[name]
                pending.append(definitions[name])
    return dict(sorted(found.items()))


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix("#/$defs/")] if "$ref" in node else []
    return own + [name for value in node.values() for name in _references(value)]
