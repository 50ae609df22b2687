"""Reading recipes: every mistake found at once, each with file and line. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.errors import UsageError
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.candidates import with_candidates
from mfclip.recipe.filling import fill_in
from mfclip.recipe.merge import merge
from mfclip.recipe.messages import Problems
from mfclip.recipe.model import RECORD, Recipe
from mfclip.recipe.overrides import read_overrides
from mfclip.recipe.places import Document
from mfclip.recipe.source import load, parse
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from mfclip.recipe.registry import Registry


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
        defaults = {**defaults, **recorded}
        found = fill_in(
            document,
            self.plugins,
            self.problems,
            defaults,
            complete=base is not None,
            pretrained=pretrained,
        )
        self.problems.raise_any()
        assert found is not None  # filling adds a problem wherever it gives none
        return with_candidates(found, document, defaults, self.plugins, pretrained=pretrained)

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
