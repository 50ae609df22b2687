"""Reading the data of a recipe: every command does it here, so that a failing part is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mfclip.data.manifest import Manifest
from mfclip.data.pairs import with_counterparts
from mfclip.data.splits import assign_splits
from mfclip.detector.assemble import build_part
from mfclip.detector.contracts import label_of
from mfclip.detector.failures import blaming
from mfclip.errors import PluginError, UsageError
from mfclip.parts import BuildContext, Dataset

if TYPE_CHECKING:
    from mfclip.plugins.offers import Offer
    from mfclip.recipe.model import Recipe

Progress = Callable[[int, int], None]


def read_data(recipe: Recipe, progress: Progress | None = None) -> Manifest:
    """The data of a recipe, every row with its split, and fakes with the photo they are made from.

    Parameters
    ----------
    progress
        Is told how many files of how many are read.

    Raises
    ------
    UsageError
        For a recipe without ``[data]``.
    DataError
        Where the data cannot be read.
    PluginError
        Where the part itself fails, or gives no manifest; names part, plugin and cause.
    """
    data = recipe.data
    if data is None:
        raise UsageError(f"the recipe '{recipe.name}' has no [data]; add the table and `use`")
    found = list_images(data, replace(recipe.context(), progress=progress))
    return with_counterparts(assign_splits(found, data.split, data.split_seed))


def prepare(data: Dataset, context: BuildContext) -> None:
    """What reading needs to be done once. Raises as :func:`read_data`."""
    with blaming(label_of("data", data), "could not be prepared"):
        data.prepare(context)


def list_images(data: Dataset, context: BuildContext) -> Manifest:
    """The rows of a data set, as it splits them itself. Raises as :func:`read_data`."""
    return build_part(data, "data", context, Manifest)


def dataset_of(offer: Offer, **settings: Any) -> Dataset:
    """A part that a command chooses by its name, with settings of its own.

    Raises
    ------
    PluginError
        Where the part of that name is another than the one that has these settings.
    """
    try:
        part = offer.schema.model_validate(settings)
    except ValueError as error:  # pydantic's is one
        wanted = ", ".join(f"`{name}`" for name in settings)
        raise PluginError(
            f"the dataset '{offer.name}' of plugin '{offer.plugin}' ({offer.distribution} "
            f"{offer.version}) is used here with {wanted}, which it does not take: {error}"
        ) from error
    assert isinstance(part, Dataset)
    return part
