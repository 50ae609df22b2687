"""Ablations: a base recipe and named changes to it, in one file. No torch.

    title = "Size of the patch"
    paper = "V-B, Table VII"

    [bases]
    mfclip = "../mfclip-paper.toml"

    [variants.patch-16]
    vision.noise.patch_size = 16

A variant holds what ``--set`` would: single values, in place of the base's. ``{ from = "PATH" }``
takes a table or value from the base itself, so ``vision = { from = "vision.image" }`` leaves the
image encoder alone, as wide and deep as the base has it. With several bases each variant names its
own: ``base = "clip"``. Relative paths in a variant start at the current directory, as in ``--set``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.errors import RecipeError, UsageError
from mfclip.recipe.messages import Problems, shown
from mfclip.recipe.places import Document, KeyPath
from mfclip.recipe.read import read_recipe, read_recipe_text
from mfclip.recipe.render import literal, to_toml
from mfclip.recipe.source import load
from mfclip.text import did_you_mean, printable

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe
    from mfclip.recipe.registry import Registry

_TOP = ("title", "paper", "bases", "variants")
_BASE = "base"
"""Key of a variant that names its base; recipes have none of that name."""
_FROM = "from"
"""The only key of a table that stands for something of the base."""


@dataclass(frozen=True)
class Variant:
    """One row of an ablation."""

    name: str
    """Unique in its file, as tables show it."""
    base: Path
    """Recipe that it changes."""
    overrides: tuple[str, ...]
    """The changes, ``key=value``, as ``--set`` takes them."""
    recipe: Recipe
    """The result, checked, with every default filled in."""


@dataclass(frozen=True)
class Ablation:
    """A family of variants."""

    title: str
    """What is varied."""
    paper: str
    """Where the paper does; empty where it does not."""
    variants: tuple[Variant, ...]
    """In the order of the file."""


def read_ablation(
    file: Path,
    *,
    bases: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    plugins: Plugins,
    registry: Registry,
) -> Ablation:
    """Read an ablation and check every variant as a recipe.

    Parameters
    ----------
    bases
        Recipes in place of the file's bases: by name where the files are called as the bases,
        else in their order; none: those of the file.
    overrides
        ``key=value`` texts that change every base, before its variants do.
    only
        Names of the variants wanted; none: all.

    Raises
    ------
    RecipeError
        With every problem of the file, its bases and its variants, each with file and line.
    UsageError
        For another number of bases than the file has, and for unknown names in ``only``.
    """
    document = load(file)
    _check(document)
    names = list(document.tree["bases"])
    if bases and len(bases) != len(names):
        raise UsageError(
            f"{file} has {len(names)} base recipes ({', '.join(names)}): give as many to replace "
            f"them, in this order, or none; got {len(bases)}"
        )
    wanted = _wanted(file, list(document.tree["variants"]), only)
    reader = _Reader(document, plugins, registry)
    own = (file.parent / str(path) for path in document.tree["bases"].values())
    reader.read_bases(dict(zip(names, _in_order(names, bases) or own, strict=True)), overrides)
    variants = tuple(filter(None, map(reader.variant, wanted)))
    if reader.problems:
        raise RecipeError("\n".join(reader.problems))
    return Ablation(document.tree["title"], document.tree.get("paper", ""), variants)


def _in_order(names: Sequence[str], bases: Sequence[Path]) -> list[Path]:
    """The recipes in the order of the bases, if they are called like them; else as given."""
    by_name = {path.stem: path for path in bases}
    return [by_name[name] for name in names] if by_name.keys() == {*names} else list(bases)


def _wanted(file: Path, names: Sequence[str], only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in names:
            near = did_you_mean(name, names)
            raise UsageError(f"{file} has no variant '{name}'{near}; it has: {', '.join(names)}")
    return [name for name in names if not only or name in only]


class _Reader:
    """Reads bases and variants, and gathers what is wrong with them."""

    def __init__(self, document: Document, plugins: Plugins, registry: Registry) -> None:
        self.document = document
        self.plugins = plugins
        self.registry = registry
        self.problems: list[str] = []
        self.paths: dict[str, Path] = {}
        self.texts: dict[str, str] = {}
        """Each base with every default filled in, as TOML: what variants change."""

    def read_bases(self, paths: Mapping[str, Path], overrides: Sequence[str]) -> None:
        """Read each base on its own, so that its mistakes are told once."""
        for name, path in paths.items():
            try:
                recipe = read_recipe(
                    path, overrides=overrides, plugins=self.plugins, registry=self.registry
                )
            except (RecipeError, UsageError) as error:
                place = self.document.place(("bases", name))
                self.problems.append(f"{place}: bases.{name}:{_indented(str(error))}")
            else:
                self.paths[name], self.texts[name] = path, to_toml(recipe)

    def variant(self, name: str) -> Variant | None:
        """One variant; None where it or its base is wrong."""
        here: KeyPath = ("variants", name)
        table = dict(self.document.tree["variants"][name])
        base = table.pop(_BASE, next(iter(self.document.tree["bases"])))
        if base not in self.texts:
            return None
        origin, text = str(self.paths[base]), self.texts[base]
        changes: dict[str, KeyPath] = {}
        try:
            for path, value in _leaves(table, here, tomllib.loads(text)):
                changes[f"{_dotted(path[len(here) :])}={literal(value)}"] = path
            recipe = read_recipe_text(
                text,
                f"{origin}, filled in",
                overrides=tuple(changes),
                plugins=self.plugins,
                registry=self.registry,
            )
        except RecipeError as error:
            told = _placed(str(error), self.document, changes)
            place = self.document.place(here)
            self.problems.append(f"{place}: variants.{printable(name)}:{_indented(told)}")
            return None
        return Variant(name, self.paths[base], tuple(changes), recipe)


def _leaves(value: Any, path: KeyPath, base: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """The single values of a table, each with its path; those of the base are put in."""
    if isinstance(value, Mapping) and value.keys() == {_FROM}:
        value = _from_base(value[_FROM], base)
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, (*path, key), base)


def _from_base(source: Any, base: Mapping[str, Any]) -> Any:
    """What the base has at a dotted path."""
    found: Any = base
    for key in str(source).split("."):
        if not isinstance(found, Mapping) or key not in found:
            raise RecipeError(f"the base has no {shown(source)} to take from")
        found = found[key]
    return found


def _placed(text: str, document: Document, changes: Mapping[str, KeyPath]) -> str:
    """The message with each change named by its line and not as ``--set``."""
    for change, path in changes.items():
        found = re.escape(printable(f"--set {change}"))
        place = str(document.place(path)).replace("\\", "\\\\")
        # `a=1` must not be found in `a=16`.
        text = re.sub(f"{found}(?=[:)]|$)", place, text, flags=re.MULTILINE)
    return text


def _indented(text: str) -> str:
    """A message of its own lines inside another."""
    return "\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _dotted(path: KeyPath) -> str:
    """A key as ``--set`` takes it; a quoted key with dots is meant as one."""
    bare = re.compile(r"[A-Za-z0-9_.-]+")
    return ".".join(str(k) if bare.fullmatch(str(k)) else literal(str(k)) for k in path)


def _check(document: Document) -> None:
    """Raise :class:`RecipeError` for a file of another form, with every problem."""
    problems, tree = Problems(), document.tree
    for key in tree:
        if key not in _TOP:
            near = did_you_mean(key, _TOP)
            allowed = f"an ablation takes: {', '.join(_TOP)}"
            problems.add(document, (key,), f"unknown key '{key}'{near}", allowed)
    for key, needed in (("title", True), ("paper", False)):
        if key in tree and not isinstance(tree[key], str):
            problems.add(document, (key,), f"should be a text, got {shown(tree[key])}")
        elif needed and key not in tree:
            problems.add(document, (key,), "is missing; say what is varied")
    for key, kind in (("bases", str), ("variants", Mapping)):
        _check_table(document, key, kind, problems)
    problems.raise_any()
    _check_names(document, problems)
    problems.raise_any()


def _check_table(document: Document, key: str, kind: type, problems: Problems) -> None:
    table = document.tree.get(key)
    what = "the path of a recipe" if kind is str else "a table of changes"
    if not isinstance(table, Mapping) or not table:
        problems.add(document, (key,), f"should be a table with {what} by name")
        return
    for name, value in table.items():
        if not isinstance(value, kind):
            problems.add(document, (key, name), f"should be {what}, got {shown(value)}")


def _check_names(document: Document, problems: Problems) -> None:
    """Each variant's base is one of the bases, and said where there are several."""
    bases = document.tree["bases"]
    for name, table in document.tree["variants"].items():
        base = table.get(_BASE)
        here: KeyPath = ("variants", name)
        if base is None and len(bases) > 1:
            message = f"needs a base, one of: {', '.join(bases)}"
            problems.add(document, here, message)
        elif base is not None and base not in bases:
            near = did_you_mean(str(base), bases)
            message = f"no base is called {shown(base)}{near}; there are: {', '.join(bases)}"
            problems.add(document, (*here, _BASE), message)
