"""Light bundles: what named pretrained weights give is left out, and put back on loading.

A tensor is left out where the part, freshly built from its weights, has the same one, bit for bit.
``bundle.json`` keeps the sha256 of each, so a light bundle gives the detector that was written or
none at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel

from mfclip.bundle.description import MADE_ANEW, Base, base_here, named_weights
from mfclip.bundle.weights import digest, within
from mfclip.detector.assemble import assemble
from mfclip.errors import BundleError
from mfclip.weights.files import located
from mfclip.weights.names import WeightName

if TYPE_CHECKING:
    from torch import Tensor

    from mfclip.data.prompts import PromptTable
    from mfclip.detector.base import DetectorModule
    from mfclip.recipe.model import Recipe

_CHILDREN = {"detector": "inner"}
"""Children of a detector by the recipe's slot, where the two are called differently."""


def slots_of(bases: Iterable[Base]) -> frozenset[str]:
    """The recipe's slots, as ``vision``, whose parts start from pretrained weights."""
    places = {base.place for base in bases if not base.place.startswith(MADE_ANEW)}
    return frozenset(map(_slot, places))


def slots_left_out(from_bases: Collection[str], bases: Iterable[Base], origin: str) -> set[str]:
    """The slots that tensors were left out of.

    Raises
    ------
    BundleError
        Where no weights stand behind one of the tensors.
    """
    children = {_CHILDREN.get(slot, slot): slot for slot in slots_of(bases)}
    owners = {name: name.partition(".")[0] for name in from_bases}
    baseless = sorted(name for name, child in owners.items() if child not in children)
    if baseless:
        raise BundleError(
            f"{origin} contradicts itself: its bundle.json leaves {baseless[0]!r} to pretrained "
            "weights, and lists none that the part was built from. Do not use it, or build it anew."
        )
    return {children[child] for child in owners.values()}


def given_by_bases(
    detector: DetectorModule,
    recipe: Recipe,
    prompts: PromptTable | None,
    bases: Sequence[Base],
    *,
    text_side: bool,
) -> dict[str, str]:
    """sha256 of every tensor that the detector has from its weights, unchanged, by name.

    Without ``text_side`` none of those that only training uses.

    Raises
    ------
    BundleError
        Where the weights are not on this machine.
    """
    without = () if text_side else detector.TRAINING_ONLY
    slots = slots_of(bases) - {*without}
    if not slots:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.seed()  # what is drawn must not look like what the weights give
        fresh = assemble(
            with_bases(recipe, bases, slots), prompts, pretrained=slots, text_side=text_side
        )
    own, anew = tensors_of(detector), tensors_of(fresh)
    children = [_CHILDREN.get(slot, slot) for slot in slots]
    hashes = {
        name: digest(value)
        for name, value in own.items()
        if name in anew and within(name, children) and not within(name, without)
    }
    return {name: found for name, found in hashes.items() if digest(anew[name]) == found}


def with_bases(recipe: Recipe, bases: Iterable[Base], slots: Collection[str]) -> Recipe:
    """The recipe with weights named as they are to be had here, in these slots.

    Raises
    ------
    BundleError
        Where weights of the recorded hash are not on this machine, and where the recipe names
        others than are recorded.
    """
    listed = {base.place: base for base in bases if _slot(base.place) in slots}
    named = {place: given for place, given in named_weights(recipe) if _slot(place) in slots}
    if listed.keys() != named.keys():
        raise BundleError(
            "the bundle contradicts itself: its recipe names weights in "
            f"{sorted(named) or 'no part'}, its bundle.json in {sorted(listed)}. Do not use it, or "
            "build it anew."
        )
    for place, base in listed.items():
        recipe = _replaced(recipe, place.split("."), base_here(base, named[place]))
    return recipe


def files_of(recipe: Recipe, slots: Collection[str]) -> list[Path]:
    """The files of weights that the parts in these slots name."""
    return [located(given) for place, given in named_weights(recipe) if _slot(place) in slots]


def _slot(place: str) -> str:
    return place.partition(".")[0]


def tensors_of(detector: DetectorModule) -> dict[str, Tensor]:
    """The tensors of a detector's state by name."""
    state: dict[str, object] = detector.state_dict()
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def _replaced(model: Any, steps: Sequence[str], weights: WeightName | Path) -> Any:
    """The same with other weights at the end of the path."""
    if not steps:
        return model.model_copy(update={"weights": weights})
    if isinstance(model, BaseModel):
        inner = _replaced(getattr(model, steps[0]), steps[1:], weights)
        return model.model_copy(update={steps[0]: inner})
    place = int(steps[0])
    return (*model[:place], _replaced(model[place], steps[1:], weights), *model[place + 1 :])
