"""Which detectors the options of ``mfclip bench`` name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mfclip.errors import UsageError

if TYPE_CHECKING:
    from mfclip.bench.detectors import Candidate
    from mfclip.bench.systems import Absent
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.registry import Registry as Catalogue


class Asked(NamedTuple):
    """What the options name as detectors."""

    recipes: list[Path]
    detectors: list[str]
    variants: Path | None
    only: list[str]
    systems: list[str]
    small: bool


def candidates_of(
    asked: Asked, settings: list[str], plugins: Plugins, catalogue: Catalogue
) -> tuple[str, list[Candidate], Absent]:
    """The title of an ablation, the detectors, and what was asked for and is not there."""
    from mfclip.bench.detectors import read_candidates, read_variants, sources
    from mfclip.bench.systems import ALL, names_of, read_systems, without

    listed = [one for one in asked.detectors if one != ALL]
    names = names_of(asked.systems, len(listed) < len(asked.detectors), catalogue)
    if asked.small and not names:
        raise UsageError("--small chooses among the assemblies of --systems or --detector all")
    if asked.variants is not None:
        if asked.detectors or asked.systems:
            raise UsageError(
                "--variants and --detector or --systems name the detectors; give one of them"
            )
        known = (asked.variants, asked.recipes, settings, asked.only, plugins, catalogue)
        return *read_variants(*known), {}
    if asked.only:
        raise UsageError("--only names variants of an ablation: give its file with --variants")
    by_hand = bool(listed) or not names
    given = sources(asked.recipes, listed) if by_hand else []
    own = read_candidates(given, settings, plugins, catalogue) if by_hand else []
    names = without(names, given)
    if not names:
        return "", own, {}
    found, absent = read_systems(
        names, asked.recipes, settings, plugins, catalogue, small=asked.small, own=own
    )
    return "", found, absent
