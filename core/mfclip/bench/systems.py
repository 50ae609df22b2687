"""Many assemblies of one recipe as the detectors of a grid, those that there are. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.bench.detectors import Candidate, Source, read_candidates, require_apart
from mfclip.errors import RecipeError, UsageError
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.registry import Registry

ALL = "all"
"""In the place of a detector: every assembly."""
SMALL = "-small"
"""How the name of an assembly ends that is a small variant of another."""
Absent = dict[str, str]
"""Why there is no recipe, by the name that was asked for."""


def names_of(sets: Sequence[str], every: bool, registry: Registry) -> list[str]:
    """The assemblies of some sets, or every one that is no small variant of another.

    Raises :class:`UsageError` for a set that the registry does not have.
    """
    found: list[str] = []
    for name in sets:
        if name not in registry.systems:
            near, known = did_you_mean(name, registry.systems), ", ".join(registry.systems)
            raise UsageError(f"no set of systems is called '{name}'{near}; known: {known}")
        found += registry.systems[name]
    if every:
        known_names = registry.assemblies
        found += (
            one for one in known_names if one.removesuffix(SMALL) not in {*known_names} - {one}
        )
    return list(dict.fromkeys(found))


def without(names: Sequence[str], given: Iterable[Source]) -> list[str]:
    """The assemblies that no detector named by hand is called like, or like the small one of."""
    taken = {one.name.removesuffix(SMALL) for one in given}
    return [name for name in names if name.removesuffix(SMALL) not in taken]


def read_systems(
    names: Iterable[str],
    base: Sequence[Path],
    overrides: Sequence[str],
    plugins: Plugins,
    registry: Registry,
    *,
    small: bool,
    own: Sequence[Candidate] = (),
) -> tuple[list[Candidate], Absent]:
    """``own``, each assembly on the one recipe, and what cannot be read with the reason.

    ``small`` takes the small variant of each where there is one.

    Raises
    ------
    UsageError
        For several recipes, or none.
    RecipeError
        Where none can be read.
    """
    if len(base) != 1:
        raise UsageError(
            f"sets of systems need one --recipe to start from, got {len(base)}: give the recipe "
            "with the data and the training"
        )
    found = list(own)
    absent: Absent = {}
    for name in names:
        chosen = f"{name}{SMALL}" if small and f"{name}{SMALL}" in registry.assemblies else name
        if chosen not in registry.assemblies:
            absent[name] = "not installed: no assembly is called that"
            continue
        source = Source(chosen, base[0], (f"assembly={chosen}",))
        try:
            found += read_candidates([source], overrides, plugins, registry)
        except RecipeError as error:
            absent[chosen] = " ".join(str(error).removeprefix(f"{chosen}:").split())
    if not found:
        told = (f"{name}: {reason}" for name, reason in absent.items())
        raise RecipeError("\n".join(["no system can be read:", *told]))
    require_apart(found)
    return found, absent
