"""Whether a recipe can be trained in several processes. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfclip.errors import UsageError

if TYPE_CHECKING:
    from mfclip.ranks.place import Place
    from mfclip.recipe.model import Recipe


def require_shareable(recipe: Recipe, place: Place) -> None:
    """Raise :class:`UsageError` where there is nothing to share, or less than an image for each."""
    if place.count == 1:
        return
    if recipe.training is None:
        raise UsageError(
            f"the recipe '{recipe.name}' has no [training], so {place.count} processes have "
            "nothing to share: start mfclip-build without torchrun or `accelerate launch`"
        )
    batch = recipe.training.batch_size
    if batch < place.count:
        raise UsageError(
            f"{place.count} processes share batches of {batch} images (training.batch_size), so "
            f"some would have none: start {batch} processes at the most, or raise the batch size"
        )
