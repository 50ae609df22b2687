"""What to know before a detector is trained, said of its recipe and its data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mfclip.data.pairs import COUNTERPART, told
from mfclip.detector.contracts import label_of
from mfclip.detector.failures import blaming
from mfclip.recipe.slots import parts_within

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.recipe.model import Recipe


def remarks(recipe: Recipe, manifest: Manifest | None) -> Iterator[str]:
    """Of each part, what it does without what it would use; how many fakes have their photo.

    Nothing of a recipe that trains nothing. Raises :class:`PluginError` where a part fails.
    """
    if recipe.training is None:
        return
    for path, part in parts_within(recipe):
        place = ".".join(map(str, path))
        with blaming(label_of(place, part), "failed while its remarks were read"):
            found = list(part.remarks(recipe.context()))
        yield from (f"{place}: {part.use}: {text}" for text in found)
    names = [part.name for part in recipe.input or () if COUNTERPART in part.columns]
    if names and manifest is not None:
        yield told(manifest.of_split("train"), names)
