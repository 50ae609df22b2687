"""From a recipe to modules: the detector and the terms of its objective."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, TypeVar

from torch import Tensor, nn

from mfclip.detector.base import DetectorModule
from mfclip.detector.contracts import label_of
from mfclip.detector.failures import ADVICE, blaming
from mfclip.detector.head import Head
from mfclip.detector.model import VisionLanguageDetector
from mfclip.detector.whole import PluginDetector
from mfclip.errors import PluginError, UsageError
from mfclip.parts import BuildContext, Part
from mfclip.recipe.slots import parts_within
from mfclip.text import numbered

if TYPE_CHECKING:
    from mfclip.data.prompts import PromptTable
    from mfclip.recipe.model import Recipe

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One term of the objective."""

    name: str
    """The part's name, unique among the terms: a repeated one becomes ``cross-entropy#2``."""
    weight: float
    """Factor in the sum."""
    module: nn.Module
    """(outputs, targets) -> unweighted scalar."""
    label: str = ""
    """How messages name the part."""
    reads: frozenset[str] = frozenset()
    """What it reads in ``targets.named``."""


def assemble(
    recipe: Recipe,
    prompts: PromptTable | None,
    *,
    pretrained: bool | Collection[str] = True,
    text_side: bool = True,
) -> DetectorModule:
    """The detector of a recipe, freshly initialised.

    Seeding is the caller's (``torch.manual_seed``). Vision encoder and head are drawn first, so
    one seed gives recipes that differ in their text side the same weights there.

    Parameters
    ----------
    prompts
        The prompt table of the training data; needed where the recipe has a text encoder.
    pretrained
        False: build the architecture and read no weight file. Slots of the recipe, as ``vision``:
        read those of the parts in there alone.
    text_side
        False: leave out text encoder, predictor and alignment, which scoring does not run.

    Raises
    ------
    PluginError
        Where a part's ``build`` fails; names the part and its cause.
    UsageError
        Where ``prompts`` is needed and not given.
    """
    context = recipe.context(len(prompts) if prompts else None)

    def of(slot: str) -> BuildContext:
        reads = pretrained if isinstance(pretrained, bool) else slot in pretrained
        return replace(context, pretrained=reads)

    if recipe.detector is not None:
        whole = recipe.detector
        return PluginDetector(
            _module(whole, "detector", of("detector")),
            label_of("detector", whole),
            whole.gives,
            whole.shapes,
            whole.reads,
            whole.training_only,
        )
    if recipe.vision is None:
        raise UsageError("the recipe has neither `vision` nor `detector`: nothing to assemble")
    if text_side and recipe.text and prompts is None:
        raise UsageError("the recipe has a text encoder, so it needs a prompt table; got None")
    vision = _module(recipe.vision, "vision", of("vision"))
    return VisionLanguageDetector(
        vision,
        recipe.vision.width,
        head=Head(recipe.vision.width, layer_norm=recipe.head.layer_norm, scale=recipe.head.scale),
        normalise=recipe.head.normalise,
        labels=labels(recipe),
        reads=recipe.vision.reads,
        **(_text_side(recipe, prompts, of) if text_side else {}),
    )


def losses(recipe: Recipe, prompts: int | None = None) -> list[LossTerm]:
    """The terms of the recipe's objective, in its order; ``prompts`` is the table's length K."""
    context = recipe.context(prompts)
    names = numbered(loss.use for loss in recipe.loss)
    terms = []
    for place, (name, loss) in enumerate(zip(names, recipe.loss, strict=True)):
        path = f"loss.{place}"
        module = _module(loss, path, context)
        terms.append(LossTerm(name, loss.weight, module, label_of(path, loss), loss.reads))
    return terms


def labels(recipe: Recipe) -> dict[str, str]:
    """How messages name each part of the recipe, by its dotted place."""
    named = ((".".join(map(str, path)), part) for path, part in parts_within(recipe))
    return {path: label_of(path, part) for path, part in named}


class _TextSide(TypedDict, total=False):
    """The arguments of a detector that only training uses; none where a recipe has no text."""

    text: nn.Module
    text_width: int
    tokens: Tensor
    alignment: nn.Module | None
    predictor: bool


def _text_side(
    recipe: Recipe, prompts: PromptTable | None, of: Callable[[str], BuildContext]
) -> _TextSide:
    if recipe.text is None or prompts is None:
        return {}
    return {
        "text": _module(recipe.text, "text", of("text")),
        "text_width": recipe.text.width,
        "tokens": prompts.tokens,
        "alignment": _module(recipe.alignment, "alignment", of("alignment"))
        if recipe.alignment
        else None,
        "predictor": any("predicted_text" in loss.needs for loss in recipe.loss),
    }


def build_part(part: Part, path: str, context: BuildContext, gives: type[Built]) -> Built:
    """What the part builds. ``path`` is its place in the recipe, dotted.

    Raises
    ------
    PluginError
        Where ``build`` fails, or gives something else; names part, plugin and cause.
    """
    label = label_of(path, part)
    within = parts_within(part, tuple(path.split(".")))
    inside = {id(inner): label_of(".".join(map(str, place)), inner) for place, inner in within}
    with blaming(label, "could not be built", inside):
        built = part.build(context)
    if isinstance(built, gives):
        return built
    raise PluginError(
        f"{label} built a value of type {type(built).__name__}; expected a "
        f"{gives.__module__.removesuffix('.modules.module')}.{gives.__name__}. {ADVICE}"
    )


def _module(part: Part, path: str, context: BuildContext) -> nn.Module:
    return build_part(part, path, context, nn.Module)
