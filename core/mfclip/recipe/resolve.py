"""From a tree of tables to the schemas that its names stand for, bottom-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mfclip.errors import in_one_line
from mfclip.parts import Part
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.describe import field_docs
from mfclip.recipe.doubt import InDoubt, is_in_doubt, masked, meant_by, names_any
from mfclip.recipe.merge import join
from mfclip.recipe.messages import (
    Problems,
    a,
    eligible,
    on_offer,
    plugin_notes,
    role,
    shown,
)
from mfclip.recipe.places import Document, KeyPath
from mfclip.recipe.slots import Slot, slot_of, slots, table_of
from mfclip.recipe.values import loose_values, with_absolute_paths, wrong_values
from mfclip.text import did_you_mean

Schema = TypeVar("Schema", bound=BaseModel)


@dataclass(slots=True)
class Resolver:
    """Fills schemas from a document; whatever is wrong goes to ``problems``."""

    document: Document
    plugins: Plugins
    problems: Problems
    complete: bool = True
    """False where the assembly is unknown: what is absent may have been meant to come from it."""
    built: dict[KeyPath, BaseModel] = field(default_factory=dict)
    """Every part and table that came about, with what is wrong in them in doubt."""
    failed: set[KeyPath] = field(default_factory=set)
    """Where none did."""
    doubts: dict[KeyPath, set[str]] = field(default_factory=dict)
    """Fields of parts and tables whose values are in doubt, because something is wrong there."""

    def fill(self, schema: type[Schema], table: Mapping[str, Any], path: KeyPath) -> Schema | None:
        """The schema with the table's values, those that are wrong in doubt.

        None where it cannot be had without the wrong ones.
        """
        values: dict[str, Any] = {}
        doubts: set[str] = set()
        for key, value in table.items():
            here = (*path, key)
            if key not in schema.model_fields:
                self._unknown_key(schema, key, value, path)
                doubts |= self._meant(schema, key, table, path)
                continue
            filled = self._field(schema, key, value, here)
            if filled is not None:
                values[key] = filled
            else:
                self.failed.add(here)
                doubts.add(key)
        model = self._validate(schema, values, path, doubts)
        if doubts:
            self.doubts[path] = doubts
        if model is None:
            return None
        self.built[path] = masked(model, doubts) if doubts else model
        return self.built[path]  # type: ignore[return-value]  # of this schema

    def _meant(
        self, schema: type[BaseModel], key: str, table: Mapping[str, Any], path: KeyPath
    ) -> set[str]:
        """Fields that an unknown key puts in doubt. No table is taken for just any other one."""
        strength = self._strength((*path, key))
        given = [name for name in table if self._strength((*path, name)) >= strength]
        meant = meant_by(key, schema.model_fields, given)
        return meant if path or len(meant) == 1 else set()

    def _strength(self, path: KeyPath) -> int:
        """Whose word a key is, the strongest last: a default's, the assembly's, the recipe's."""
        if path not in self.document.places:
            return 0
        origin = self.document.place(path).origin
        if origin.startswith("--set"):
            return 3
        return 2 if origin == self.document.place(()).origin else 1

    def _field(self, schema: type[BaseModel], key: str, value: Any, path: KeyPath) -> Any:
        info = schema.model_fields[key]
        slot, table = slot_of(info), table_of(info)
        if slot is not None and slot.many:
            return self._parts(slot, value, path)
        if slot is not None:
            default = info.get_default(call_default_factory=True, validated_data={})
            return self.part(slot.base, value, path, default)
        if table is not None:
            return self._table(table, value, path)
        loose = list(loose_values(value, info.annotation, path))
        for where, message in loose:
            self.problems.add(self.document, where, message)
        if loose:
            return None
        folder = self.document.place(path).folder
        return with_absolute_paths(value, info.annotation, folder)

    def _table(self, schema: type[BaseModel], value: Any, path: KeyPath) -> BaseModel | None:
        if isinstance(value, Mapping):
            return self.fill(schema, value, path)
        self.problems.add(self.document, path, f"should be a table, got {shown(value)}")
        return None

    def _parts(self, slot: Slot, value: Any, path: KeyPath) -> tuple[Part, ...] | None:
        if not isinstance(value, list):
            header = f"write [[{path[-1]}]] above each"
            message = f"should be a list of tables, got {shown(value)}; {header}"
            self.problems.add(self.document, path, message)
            return None
        parts = [self.part(slot.base, item, (*path, i)) for i, item in enumerate(value)]
        found = tuple(part for part in parts if part is not None)
        return found if len(found) == len(parts) else None

    def part(
        self, base: type[Part], value: Any, path: KeyPath, default: object = None
    ) -> Part | None:
        """The part that a table asks for; None where it cannot be had."""
        offer = self._offer(base, value, path, default)
        if offer is None:
            return None
        if isinstance(default, Part):
            value = join(_explicit(default), value)
        return self.fill(offer.schema, {**value, "use": offer.name}, path)

    def _offer(self, base: type[Part], value: Any, path: KeyPath, default: object) -> Offer | None:
        offers = eligible(self.plugins, base)
        listed = on_offer(offers, role(base))
        if not isinstance(value, Mapping):
            example = (
                f'; write {path[-1]} = {{ use = "{value}" }}' if isinstance(value, str) else ""
            )
            self.problems.add(
                self.document, path, f"should be a table, got {shown(value)}{example}"
            )
            return None
        name = value.get("use", default.use if isinstance(default, Part) else None)
        if name is None:
            if self.complete:
                message = f"`use` is missing; it names the {role(base)}"
                self.problems.add(self.document, path, message, listed)
            return None
        for offer in offers:
            if offer.name == name:
                return offer
        self._not_on_offer(base, name, path, [o.name for o in offers], listed)
        return None

    def _not_on_offer(
        self, base: type[Part], name: object, path: KeyPath, names: list[str], listed: str
    ) -> None:
        wanted = role(base)
        namesakes = [offer for offer in self.plugins.offers if offer.name == name]
        notes = [listed]
        if namesakes:
            namesakes.sort(key=lambda offer: offer.kind != base.kind)
            what = a(role(namesakes[0].schema))
            message = f"'{name}' is {what}; this place takes {a(wanted)}"
        elif isinstance(name, str):
            message = f"no {wanted} is called '{name}'{did_you_mean(name, names)}"
            notes += plugin_notes(self.plugins)
        else:
            message = f"`use` should be the name of {a(wanted)}, got {shown(name)}"
        self.problems.at(self.document.place((*path, "use")), path, message, *notes)

    def _unknown_key(self, schema: type[BaseModel], key: str, value: Any, path: KeyPath) -> None:
        fields = list(schema.model_fields)
        what = "table" if _is_table(value) else "key"
        owner = schema.model_fields["use"].default if issubclass(schema, Part) else None
        name = owner or ".".join(map(str, path)) or "a recipe"
        self.problems.add(
            self.document,
            (*path, key),
            f"unknown {what} '{key}'{did_you_mean(key, fields)}",
            f"{name} takes: {', '.join(fields)}",
        )

    def _validate(
        self, schema: type[Schema], values: dict[str, Any], path: KeyPath, doubts: set[str]
    ) -> Schema | None:
        """The schema without its wrong values, which are told and join ``doubts``."""
        try:
            return schema.model_validate(values)
        except ValidationError as error:
            found = list(wrong_values(error, values))
            for inner, message in found:
                self._wrong_value(schema, path, inner, message, doubts)
            wrong = {str(inner[0]) for inner, _ in found if inner}
            doubts |= wrong
            if wrong & values.keys():
                sound = {key: value for key, value in values.items() if key not in wrong}
                return self._validate(schema, sound, path, doubts)
        except InDoubt:  # a check of the schema's own looks into a part that is wrong
            pass
        except Exception as error:
            if not is_in_doubt(path, self.doubts):
                message = f"{schema.__name__} failed while it was checked: {in_one_line(error)}"
                self.problems.add(self.document, path, message)
        return None

    def _wrong_value(
        self,
        schema: type[BaseModel],
        table: KeyPath,
        inner: KeyPath,
        message: str,
        doubts: set[str],
    ) -> None:
        """Tell a finding of the schema's, unless it may only follow from another mistake."""
        path = (*table, *inner)
        if not inner and names_any(message, doubts):
            return
        if message == "is missing":
            if inner[0] in doubts or path in self.failed or not self.complete:
                return
            described = field_docs(schema).get(str(inner[0])) if len(inner) == 1 else None
            message += f": {' '.join(described.split())}" if described else ""
        self.problems.add(self.document, path, message)


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _explicit(part: Part) -> dict[str, Any]:
    """What a default part sets itself, as a table."""
    table: dict[str, Any] = {"use": part.use}
    nested = dict(slots(type(part)))
    for name in part.model_fields_set:
        value = getattr(part, name)
        if name in nested and nested[name].many:
            table[name] = [_explicit(item) for item in value]
        elif isinstance(value, Part):
            table[name] = _explicit(value)
        elif value is not None:
            table[name] = value
    return table
