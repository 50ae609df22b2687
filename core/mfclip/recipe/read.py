"""Reading recipes: every mistake found at once, each with file and line. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from mfclip.errors import UsageError
from mfclip.parts import BuildContext
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.doubt import UNKNOWN, InDoubt
from mfclip.recipe.fit import Fit, parts_of
from mfclip.recipe.merge import merge
from mfclip.recipe.messages import Problems
from mfclip.recipe.model import Recipe
from mfclip.recipe.overrides import read_overrides
from mfclip.recipe.places import Document
from mfclip.recipe.resolve import Resolver
from mfclip.recipe.source import load, parse
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from mfclip.recipe.registry import Registry

RECORD = "from_assembly"
"""Key of a filled-in recipe that records where it began and changes nothing."""
_CONTEXT = {
    "image_size": ("preprocessing", "size"),
    "frames": ("preprocessing", "frames"),
    "sentences": ("prompts", "sentences"),
    "batch_size": ("training", "batch_size"),
}
"""What of which table becomes what of the build context."""


def read_recipe(
    path: Path, *, overrides: Sequence[str] = (), plugins: Plugins, registry: Registry
) -> Recipe:
    """The recipe of a file, checked, with every default filled in.

    Parameters
    ----------
    overrides
        ``key=value`` texts that change single values, as ``--set`` takes them.

    Raises
    ------
    RecipeError
        With every problem of the file and the overrides, one or more lines each.
    UsageError
        Where there is no such file.
    """
    if not path.is_file():
        near = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise UsageError(f"no recipe at '{path}'{did_you_mean(path.name, near)}")
    reader = _Reader(plugins, registry, Problems())
    return reader.read(load(path), overrides, {"name": path.stem}, pretrained=True)


def read_recipe_text(
    text: str,
    origin: str,
    *,
    overrides: Sequence[str] = (),
    plugins: Plugins,
    registry: Registry,
) -> Recipe:
    """The recipe of a text, such as the one inside a bundle.

    Relative paths stay as they are, and parts are checked as for reading a bundle back: without
    their pretrained weights.

    Parameters
    ----------
    origin
        How messages name the text.
    overrides
        As :func:`read_recipe` takes them.

    Raises
    ------
    RecipeError
        As :func:`read_recipe`.
    """
    reader = _Reader(plugins, registry, Problems())
    return reader.read(parse(text, origin), overrides, {}, pretrained=False)


class _Reader:
    def __init__(self, plugins: Plugins, registry: Registry, problems: Problems) -> None:
        self.plugins = plugins
        self.registry = registry
        self.problems = problems

    def read(
        self,
        recipe: Document,
        overrides: Sequence[str],
        defaults: dict[str, Any],
        *,
        pretrained: bool,
    ) -> Recipe:
        changes = read_overrides(overrides, recipe.place(()), self.problems)
        recipe, recorded = _without_record(recipe)
        base = self._assembly(recipe, changes)
        if base is not None and not {"training"} & {*recipe.tree, *changes.tree}:
            base = _without_training(base)
        document = merge(base or _empty(recipe), recipe, self.problems)
        document = merge(document, changes, self.problems)
        resolver = Resolver(document, self.plugins, self.problems, complete=base is not None)
        tree = {**defaults, **recorded, **document.tree}
        found = resolver.fill(Recipe, tree, ())
        if base is not None:
            self._fit(resolver, pretrained)
        self.problems.explain_origins(document)
        self.problems.raise_any()
        assert found is not None  # fill adds a problem wherever it gives none
        return found

    def _assembly(self, recipe: Document, changes: Document) -> Document | None:
        """The assembly to start from, empty where none is named; None where it is unknown."""
        source = changes if "assembly" in changes.tree else recipe
        name = source.tree.get("assembly")
        if name is None:
            return _empty(recipe)
        known = self.registry.assemblies
        if isinstance(name, str) and name in known:
            return known[name].document
        if isinstance(name, str):
            message = f"no assembly is called '{name}'{did_you_mean(name, known)}"
            self.problems.add(source, ("assembly",), message, f"on offer: {', '.join(known)}")
        return None

    def _fit(self, resolver: Resolver, pretrained: bool) -> None:
        fit = Fit(parts_of(resolver.built), resolver.document, self.problems, resolver.doubts)
        fit.check()
        fit.check_misfits(_context(resolver, pretrained))


def _context(resolver: Resolver, pretrained: bool) -> BuildContext:
    """What the parts are told as far as it is known."""
    context = BuildContext(pretrained=pretrained)
    missed = resolver.doubts.get((), set())
    for field, (table, attribute) in _CONTEXT.items():
        model = resolver.built.get((table,), Recipe.model_fields[table].default)
        if (table,) in resolver.failed or table in missed:
            context = replace(context, **{field: UNKNOWN})
        elif model is not None:
            context = replace(context, **{field: _peek(model, attribute)})
    return context


def _peek(model: BaseModel, attribute: str) -> Any:
    try:
        return getattr(model, attribute)
    except InDoubt:
        return UNKNOWN


def _empty(like: Document) -> Document:
    return Document({}, {(): like.place(())})


def _without_training(assembly: Document) -> Document:
    """An assembly for a recipe that trains nothing: its [training] only completes a recipe's."""
    tree = {name: table for name, table in assembly.tree.items() if name != "training"}
    return replace(assembly, tree=tree)


def _without_record(recipe: Document) -> tuple[Document, dict[str, Any]]:
    """The recipe without its note of the assembly it began as, and that note as a field."""
    tree = dict(recipe.tree)
    noted = tree.pop(RECORD, None)
    return replace(recipe, tree=tree), {} if noted is None else {"assembly": noted}
