"""The detectors of a grid: recipe files, or one recipe with several assemblies. No torch."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.bench.naming import slug_of
from mfclip.bench.variants import read_ablation
from mfclip.errors import RecipeError, UsageError
from mfclip.recipe.read import read_recipe

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe
    from mfclip.recipe.registry import Registry


@dataclass(frozen=True)
class Source:
    """Where a detector of the grid comes from."""

    name: str
    """As tables show it."""
    recipe: Path
    """Recipe file."""
    overrides: tuple[str, ...] = ()
    """``key=value`` texts of this detector alone."""


@dataclass(frozen=True)
class Candidate:
    """One detector of the grid."""

    name: str
    """As tables show it."""
    recipe: Recipe
    """Checked, with every default filled in; its data are those of the whole grid."""

    @property
    def slug(self) -> str:
        """As part of a folder's name."""
        return slug_of(self.name)


def sources(recipes: Sequence[Path], detectors: Sequence[str]) -> list[Source]:
    """What ``--recipe`` and ``--detector`` name together.

    Recipes alone are a detector each, called as their files. With detectors, the one recipe is
    the base of all: ``NAME=ASSEMBLY``, and after it ``KEY=VALUE`` that this detector alone gets.

    Raises
    ------
    UsageError
        For detectors with no recipe or several, and for a detector without an assembly.
    """
    if not detectors:
        return [Source(path.stem, path) for path in recipes]
    if len(recipes) != 1:
        raise UsageError(
            f"--detector needs one --recipe to start from, got {len(recipes)}: give the recipe "
            "with the data and the training, and name the assemblies with --detector"
        )
    return [_detector(text, recipes[0]) for text in detectors]


def _detector(text: str, base: Path) -> Source:
    name, equals, rest = text.partition("=")
    words = shlex.split(rest)
    if not (name.strip() and equals and words):
        raise UsageError(
            f"--detector {text!r} should be NAME=ASSEMBLY, or 'NAME=ASSEMBLY KEY=VALUE …' in "
            "quotes, such as mfclip=mfclip-small"
        )
    return Source(name.strip(), base, (f"assembly={words[0]}", *words[1:]))


def read_candidates(
    found: Iterable[Source], overrides: Sequence[str], plugins: Plugins, registry: Registry
) -> list[Candidate]:
    """Read every recipe, with all that is wrong in any of them told at once.

    ``overrides`` are for all detectors; those of a source come after them.

    Raises
    ------
    RecipeError
        For the problems of all recipes, and for recipes without data or training.
    UsageError
        For two detectors of one name, and recipes on different data.
    """
    candidates, problems = [], []
    for source in found:
        try:
            words = [*overrides, *source.overrides]
            recipe = read_recipe(source.recipe, overrides=words, plugins=plugins, registry=registry)
        except RecipeError as error:
            problems.append(f"{source.name}:\n{error}")
        else:
            problems += _lacking(source, recipe)
            candidates.append(Candidate(source.name, recipe))
    if problems:
        raise RecipeError("\n".join(problems))
    require_apart(candidates)
    return candidates


def read_variants(
    file: Path,
    bases: Sequence[Path],
    overrides: Sequence[str],
    only: Sequence[str],
    plugins: Plugins,
    registry: Registry,
) -> tuple[str, list[Candidate]]:
    """The title of an ablation and its variants as detectors; see :func:`read_ablation`.

    Raises
    ------
    RecipeError, UsageError
        As :func:`read_candidates` and :func:`mfclip.bench.variants.read_ablation`.
    """
    found = read_ablation(
        file, bases=bases, overrides=overrides, only=only, plugins=plugins, registry=registry
    )
    problems = [
        text
        for variant in found.variants
        for text in _lacking(Source(variant.name, variant.base), variant.recipe)
    ]
    if problems:
        raise RecipeError("\n".join(problems))
    candidates = [Candidate(variant.name, variant.recipe) for variant in found.variants]
    require_apart(candidates)
    return found.title, candidates


def _lacking(source: Source, recipe: Recipe) -> list[str]:
    tables = {"data": recipe.data, "training": recipe.training}
    return [
        f"{source.name}: {source.recipe} has no [{name}]: a benchmark needs it"
        for name, table in tables.items()
        if table is None
    ]


def require_apart(candidates: Sequence[Candidate]) -> None:
    """Raise :class:`UsageError` unless the names are apart and the data are the same."""
    if not candidates:
        raise UsageError("no detector to measure: name one with --recipe")
    for slug, times in Counter(one.slug for one in candidates).items():
        if times > 1:
            names = [one.name for one in candidates if one.slug == slug]
            raise UsageError(
                f"{times} detectors are called {', '.join(map(repr, names))}: their folders would "
                "be one; name them apart, with --detector NAME=ASSEMBLY or by their files' names"
            )
    first = candidates[0]
    for other in candidates[1:]:
        if other.recipe.data != first.recipe.data:
            raise UsageError(
                f"{first.name} and {other.name} are on different data: {first.recipe.data!r} and "
                f"{other.recipe.data!r}; a table compares detectors on the same images. Set them "
                "alike with --set data.root=FOLDER"
            )
