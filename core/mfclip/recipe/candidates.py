"""The candidates of a recipe: every combination of its ``[candidates]``, as a recipe. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mfclip.plugins.discovery import Plugins
from mfclip.recipe.combinations import combined, complaints, lists_of
from mfclip.recipe.filling import fill_in
from mfclip.recipe.merge import merge
from mfclip.recipe.messages import Problem, Problems
from mfclip.recipe.model import Recipe
from mfclip.recipe.overrides import insert, key_path
from mfclip.recipe.places import Document, KeyPath, Place
from mfclip.recipe.render import literal, to_tree
from mfclip.text import counted, printable

TABLE = "candidates"


@dataclass(frozen=True)
class Candidate:
    """One setting of everything that is chosen among."""

    settings: Mapping[str, Any]
    """Values by dotted key, as TOML has them; empty where the recipe is the only candidate."""
    recipe: Recipe
    """With these settings, every default filled in, and no candidates."""

    def __str__(self) -> str:
        return described(self.settings)


def described(settings: Mapping[str, Any]) -> str:
    """``training.learning_rate=0.001, vision.depth=2``, as ``--set`` would take them."""
    return printable(", ".join(f"{key}={literal(value)}" for key, value in settings.items()))


def candidates_of(recipe: Recipe, plugins: Plugins) -> tuple[Candidate, ...]:
    """What a build chooses among, in the order of the recipe: at least one.

    Raises
    ------
    RecipeError
        Where a candidate is no recipe that works; reading the recipe from a file tells it before.
    """
    if recipe.candidates is None:
        return (Candidate({}, recipe),)
    document = Document(to_tree(recipe), {(): Place("the recipe")})
    return read_candidates(recipe, document, {}, plugins, pretrained=True)


def with_candidates(
    recipe: Recipe,
    document: Document,
    defaults: Mapping[str, Any],
    plugins: Plugins,
    *,
    pretrained: bool,
) -> Recipe:
    """The recipe with its candidates checked, and their values as the recipe would hold them.

    Paths among them are absolute then, as all others are. Raises as :func:`read_candidates`.
    """
    if recipe.candidates is None:
        return recipe
    found = read_candidates(recipe, document, defaults, plugins, pretrained=pretrained)
    held: dict[str, list[Any]] = {key: list(values) for key, values in recipe.candidates.items()}
    for places, candidate in zip(combined(recipe.candidates), found, strict=True):
        for key, place in places.items():
            held[key][place] = candidate.settings[key]
    return recipe.model_copy(update={TABLE: {key: tuple(all_) for key, all_ in held.items()}})


def read_candidates(
    recipe: Recipe,
    document: Document,
    defaults: Mapping[str, Any],
    plugins: Plugins,
    *,
    pretrained: bool,
) -> tuple[Candidate, ...]:
    """Every combination, checked as a recipe of its own.

    Parameters
    ----------
    recipe
        What ``document`` gives by itself; it has candidates.

    Raises
    ------
    RecipeError
        With everything that is wrong with the table, or else with any candidate: at the line of
        the value or of what does not fit it, and with the candidates that have it.
    """
    assert recipe.candidates is not None
    table, lines = recipe.candidates, _lines(document)
    problems = Problems()
    for key, message in complaints(table):
        problems.add(document, lines.get(key or "", (TABLE,)), message)
    problems.raise_any()
    base = replace(document, tree={k: v for k, v in document.tree.items() if k != TABLE})
    found: list[Candidate] = []
    wrong: dict[Problem, list[str]] = {}
    for places in combined(table):
        values = {key: table[key][place] for key, place in places.items()}
        own = Problems()
        merged = merge(base, _changes(document, lines, values, places), own)
        filled = fill_in(merged, plugins, own, defaults, complete=True, pretrained=pretrained)
        for problem in own.found:
            wrong.setdefault(problem, []).append(described(values))
        if filled is not None and not own:
            found.append(Candidate(_held(filled, values), filled))
    problems.found += [_named(problem, names) for problem, names in wrong.items()]
    problems.raise_any()
    return tuple(found)


def _lines(document: Document) -> dict[str, KeyPath]:
    """Where each key of the table is written."""
    table = document.tree[TABLE]
    return {".".join(map(str, path)): (TABLE, *path) for path, _ in lists_of(table)}


def _changes(
    document: Document,
    lines: Mapping[str, KeyPath],
    values: Mapping[str, Any],
    places: Mapping[str, int],
) -> Document:
    """What one candidate says, each value where it is written."""
    tree: dict[Any, Any] = {}
    written: dict[KeyPath, Place] = {(): document.place(())}
    for key, value in values.items():
        path = key_path(key)
        assert path is not None
        insert(tree, path, value)
        place = document.place((*lines[key], places[key]))
        written |= {path[:length]: place for length in range(1, len(path) + 1)}
    return Document(tree, written)


def _held(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the recipe holds them; as given where it holds nothing, such as ``false``."""
    tree = to_tree(recipe)
    return {key: _like(value, _at(tree, key_path(key) or ())) for key, value in values.items()}


def _at(node: Any, path: KeyPath) -> Any:
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _like(given: Any, held: Any) -> Any:
    """What is held in the place of what was given, no more: not the defaults beside it."""
    if isinstance(given, Mapping) and isinstance(held, Mapping):
        return {key: _like(value, held.get(key)) for key, value in given.items()}
    if isinstance(given, list) and isinstance(held, list) and len(given) == len(held):
        return [_like(*pair) for pair in zip(given, held, strict=True)]
    return given if held is None else held


def _named(problem: Problem, names: Sequence[str]) -> Problem:
    """The problem with the candidates that have it."""
    more = f" and {counted(len(names) - 1, 'other')}" if len(names) > 1 else ""
    return replace(problem, notes=(*problem.notes, f"in the candidate {names[0]}{more}"))
