"""The catalogue of shipped parts and the named assemblies built from them. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mfclip.parts import KINDS
from mfclip.plugins.discovery import Plugins, discover
from mfclip.plugins.entry_points import normalise
from mfclip.recipe.merge import REMOVABLE, merge
from mfclip.recipe.messages import Problems, shown
from mfclip.recipe.places import Document, KeyPath
from mfclip.recipe.resolve import Resolver, Schema
from mfclip.recipe.settings import Settings
from mfclip.recipe.source import load
from mfclip.text import did_you_mean

SHIPPED = Path(__file__).parents[1] / "registry.toml"
"""The catalogue that comes with the framework."""
ASSEMBLY_TABLES = (
    *(table for table in REMOVABLE if table != "candidates"),
    "loss",
    "head",
    "preprocessing",
    "input",
    "augmentation",
    "evaluation",
)
"""Tables of a recipe that an assembly may hold."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One shipped part, as the catalogue describes it."""

    kind: str
    name: str
    plugin: str
    """Entry point that offers it."""
    summary: str
    """One line."""
    paper: str
    """Section, equation or table; empty where it is not from the paper."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A named set of tables that a recipe can start from."""

    name: str
    summary: str
    """One line."""
    paper: str
    """Where the paper describes it; empty where it does not."""
    document: Document
    """Its tables, with the tables of the assembly it extends."""


@dataclass(frozen=True, slots=True)
class Registry:
    """What the shipped catalogue and a user's registry file say together."""

    parts: tuple[CatalogueEntry, ...]
    assemblies: Mapping[str, Assembly]
    disabled: tuple[str, ...] = ()
    """Distributions whose plugins are not to be loaded."""
    allowed: tuple[str, ...] | None = None
    """The only distributions, beside mfclip, whose plugins may be loaded; None: all."""
    systems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sets of assemblies that are compared with one another, by name. An assembly of a set may not
    be there."""


class PartTable(Settings):
    """``[parts.KIND.NAME]``."""

    plugin: str
    """Entry point that offers the part."""
    summary: str
    """One line."""
    paper: str = ""
    """Section, equation or table."""


class AssemblyHead(Settings):
    """``[assemblies.NAME]``, its tables left out."""

    summary: str
    """One line."""
    paper: str = ""
    """Section, equation or table."""
    extends: str | None = None
    """Assembly that it starts from."""


def _distribution(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        return name
    raise ValueError("should be the name of a distribution, as in `pip install NAME`")


DistributionName = Annotated[str, AfterValidator(_distribution)]
"""A name as package indexes know it, without a version. Case and ``-_.`` make no difference."""


class PluginsTable(Settings):
    """``[plugins]``."""

    disabled: tuple[DistributionName, ...] = ()
    """Distributions whose plugins are not loaded."""
    allowed: tuple[DistributionName, ...] | None = None
    """The only distributions, beside mfclip itself, whose plugins are loaded. Without it: every
    installed one. An empty list allows none but mfclip."""


class SystemsTable(Settings):
    """``[systems.NAME]``."""

    assemblies: tuple[str, ...] = Field(min_length=1)
    """Names of assemblies, in the order of a table's rows. One that is not there is told where the
    set is used."""


_TOP = ("parts", "assemblies", "systems", "plugins")


def read_registry(extra: Path | None = None) -> Registry:
    """The shipped catalogue, with a registry file of the user's own on top.

    Parameters
    ----------
    extra
        A file that may add parts and assemblies, and say whose plugins may be loaded. It cannot
        change what ships: an assembly's name never changes its meaning.

    Raises
    ------
    RecipeError
        Where a file is wrong, with file and line.
    """
    reader = _Reader()
    reader.read(load(SHIPPED, SHIPPED.name))
    if extra is not None:
        reader.read(load(extra))
    return reader.result()


def plugins_for(registry: Registry) -> Plugins:
    """The installed plugins that a registry lets in: no other is imported."""
    return discover(disabled=registry.disabled, allowed=registry.allowed)


class _Reader:
    """Joins registry files; later ones may add and not change."""

    def __init__(self) -> None:
        self.problems = Problems()
        self.parts: dict[tuple[str, str], CatalogueEntry] = {}
        self.heads: dict[str, AssemblyHead] = {}
        self.tables: dict[str, Document] = {}
        self.disabled: list[str] = []
        self.allowed: tuple[str, ...] | None = None
        self.systems: dict[str, tuple[str, ...]] = {}

    def read(self, document: Document) -> None:
        """Take in one file."""
        for name in document.tree:
            if name not in _TOP:
                self._unknown(document, (name,), "table", _TOP)
        self._plugins(document)
        for path in self._below(document, ("parts",)):
            if path[-1] in KINDS:
                for entry in self._below(document, path):
                    self._part(document, entry)
            else:
                self._unknown(document, path, "kind", KINDS)
        for path in self._below(document, ("assemblies",)):
            self._assembly(document, path)
        for path in self._below(document, ("systems",)):
            self._systems(document, path)

    def result(self) -> Registry:
        """Everything read, assemblies with the tables that they extend; raises any problem."""
        assemblies = {
            name: Assembly(name, head.summary, head.paper, self._extended(name))
            for name, head in self.heads.items()
        }
        self.problems.raise_any()
        parts = tuple(self.parts.values())
        return Registry(parts, assemblies, tuple(self.disabled), self.allowed, self.systems)

    def _plugins(self, document: Document) -> None:
        """Whose plugins may be loaded. A name on both lists is a mistake and not a rule."""
        table = self._fill(PluginsTable, document, ("plugins",))
        if table is None:
            return
        off = {normalise(name) for name in table.disabled}
        for index, name in enumerate(table.allowed or ()):
            if normalise(name) in off:
                path = ("plugins", "allowed", index)
                self.problems.add(document, path, f"'{name}' is in `disabled` too; remove one")
        self.disabled += table.disabled
        self.allowed = self.allowed if table.allowed is None else table.allowed

    def _table(self, document: Document, path: KeyPath) -> Mapping[str, Any] | None:
        """The table at a path, empty where there is none; told where it is no table."""
        table: Any = document.tree
        for key in path:
            table = table.get(key, {})
        if isinstance(table, Mapping):
            return table
        self.problems.add(document, path, f"should be a table, got {shown(table)}")
        return None

    def _below(self, document: Document, path: KeyPath) -> Iterator[KeyPath]:
        """The paths of the keys of a table."""
        yield from ((*path, key) for key in self._table(document, path) or ())

    def _fill(self, schema: type[Schema], document: Document, path: KeyPath) -> Schema | None:
        """The schema of a table, None where anything in it is wrong.

        An assembly's head takes only the keys that it knows.
        """
        table = self._table(document, path)
        if table is None:
            return None
        if schema is AssemblyHead:
            table = {key: table[key] for key in table if key in schema.model_fields}
        resolver = Resolver(document, Plugins(), self.problems)
        found = resolver.fill(schema, table, path)
        return None if resolver.doubts else found

    def _part(self, document: Document, path: KeyPath) -> None:
        kind, name = str(path[1]), str(path[2])
        entry = self._fill(PartTable, document, path)
        if (kind, name) in self.parts:
            message = f"the {kind} '{name}' is in {SHIPPED.name} already; take another name"
            self.problems.add(document, path, message)
        elif entry:
            described = CatalogueEntry(kind, name, entry.plugin, entry.summary, entry.paper)
            self.parts[kind, name] = described

    def _assembly(self, document: Document, path: KeyPath) -> None:
        name = str(path[1])
        known = (*AssemblyHead.model_fields, *ASSEMBLY_TABLES)
        for here in self._below(document, path):
            if here[-1] not in known:
                self._unknown(document, here, "table or key", known)
        head = self._fill(AssemblyHead, document, path)
        if name in self.heads:
            message = f"the assembly '{name}' is in {SHIPPED.name} already; take another name"
            self.problems.add(document, path, message)
        elif head:
            whole = document.below(path)
            tables = {key: whole.tree[key] for key in whole.tree if key in ASSEMBLY_TABLES}
            self.heads[name] = head
            self.tables[name] = replace(whole, tree=tables)

    def _systems(self, document: Document, path: KeyPath) -> None:
        name, found = str(path[1]), self._fill(SystemsTable, document, path)
        if name in self.systems:
            message = f"the set of systems '{name}' is in {SHIPPED.name} already; take another name"
            self.problems.add(document, path, message)
        elif found:
            self.systems[name] = found.assemblies

    def _extended(self, name: str) -> Document:
        """An assembly's tables over those of the ones that it extends."""
        chain, own = [name], self.tables[name]
        while (base := self.heads[chain[-1]].extends) is not None:
            if base not in self.heads:
                message = f"no assembly is called '{base}'{did_you_mean(base, self.heads)}"
            elif base in chain:
                message = f"extends itself: {' -> '.join([*chain, base])}"
            else:
                chain.append(base)
                continue
            # The other links of a broken chain are told when it is their turn.
            if base == name or len(chain) == 1:
                path = ("assemblies", name, "extends")
                self.problems.at(own.place(("extends",)), path, message)
            break
        document = Document({}, {(): own.place(())})
        for link in reversed(chain):
            document = merge(document, self.tables[link], self.problems)
        return document

    def _unknown(self, document: Document, path: KeyPath, what: str, names: Iterable[str]) -> None:
        message = f"unknown {what} '{path[-1]}'{did_you_mean(str(path[-1]), names)}"
        self.problems.add(document, path, message, f"known: {', '.join(names)}")
