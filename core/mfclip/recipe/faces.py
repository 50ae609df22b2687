"""How faces are found where no recipe says it: for bundles that were trained on ready crops."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfclip.errors import UsageError
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import Registry, plugins_for, read_registry

if TYPE_CHECKING:
    from mfclip.recipe.settings import FacesSettings

LOCATOR = "centerface"
"""The locator that is taken where none is named."""
_RECIPE = f"""\
name = "faces"
assembly = "mfclip"
[preprocessing.faces.locator]
use = "{LOCATOR}"
"""


def read_faces(settings: Sequence[str] = (), registry: Registry | None = None) -> FacesSettings:
    """Settings as a recipe's ``[preprocessing.faces]`` would give them.

    Parameters
    ----------
    settings
        ``KEY=VALUE``, such as ``margin=0.3`` or ``locator.score=0.4``;
        ``locator={use="acme-yunet"}`` takes another locator.

    Raises
    ------
    RecipeError
        For what is wrong with them, as in a recipe. Weights are looked for by ``finder()`` only,
        which raises :class:`UsageError` where they are absent.
    """
    registry = read_registry() if registry is None else registry
    recipe = read_recipe_text(
        _RECIPE,
        "faces",
        overrides=[f"preprocessing.faces.{setting}" for setting in settings],
        plugins=plugins_for(registry),
        registry=registry,
    )
    assert recipe.preprocessing.faces is not None
    return recipe.preprocessing.faces


def settings_of(table: Mapping[str, Any], registry: Registry | None = None) -> FacesSettings:
    """Settings out of a table that JSON holds. Raises as :func:`read_faces`."""
    return read_faces([f"{key}={json.dumps(value)}" for key, value in _flat(table)], registry)


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; what is None is left out, as a recipe leaves it out."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None:
            yield before + key, value


def choose_faces(
    own: FacesSettings | None,
    frames: int | None,
    wanted: FacesSettings | bool | None = None,
    registry: Registry | None = None,
) -> FacesSettings | None:
    """How faces are found for a detector; None: it is given ready crops.

    Parameters
    ----------
    own
        How they were found in its training, if they were.
    frames
        Of the clips that it reads; None: it reads pictures.
    wanted
        As for :func:`mfclip.load`.

    Raises
    ------
    UsageError
        For settings where the recipe has its own, and for a detector that reads clips.
    RecipeError
        Where the usual locator is not installed.
    """
    if wanted is None or wanted is False:
        return own if wanted is None else None
    if own is not None:
        if wanted is not True and wanted != own:
            raise UsageError(
                "this detector was trained on faces that were found and cut out in a way of its "
                "own, which its bundle holds; leave the settings of faces away"
            )
        return own
    if frames is not None:
        raise UsageError(
            f"faces are found in single pictures, and this detector reads clips of "
            f"{frames} frames; give it crops"
        )
    return read_faces((), registry) if wanted is True else wanted
