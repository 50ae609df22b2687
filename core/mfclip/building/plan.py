"""The first half of a build, all of it before any training: data, prompts, detector, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from mfclip.building.events import BuildEvents
from mfclip.building.reading import read_data
from mfclip.building.remarks import remarks
from mfclip.bundle.limits import within_reason
from mfclip.data.audit import Audit, audit
from mfclip.data.audit.refusal import require_sound
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest
from mfclip.data.prompts import PromptTable
from mfclip.data.protocols import PromptRenderer, Tokenises
from mfclip.data.videos import SHARED, columns_of, require_videos
from mfclip.detector.assemble import assemble, build_part
from mfclip.detector.base import DetectorModule
from mfclip.detector.contracts import label_of
from mfclip.detector.cost import PartCost, cost
from mfclip.detector.failures import blaming, naming_parts
from mfclip.detector.shapes import checking_shapes

if TYPE_CHECKING:
    from mfclip.recipe.model import Recipe


ANY_DATA = (HierarchicalLabel("fake"), HierarchicalLabel("real"))


@dataclass(frozen=True)
class Plan:
    """Everything a build needs, checked."""

    recipe: Recipe
    manifest: Manifest | None
    audit: Audit | None
    prompts: PromptTable | None
    detector: DetectorModule
    costs: Sequence[PartCost]
    synthetic: bool = False
    """Whether the images were drawn by a program."""


def make_plan(
    recipe: Recipe, events: BuildEvents, *, synthetic: bool = False, check: bool = True
) -> Plan:
    """Read and check the data, then assemble the detector from its seed.

    ``synthetic`` says that a program drew the images, where the part that reads them cannot know.
    ``check=False`` leaves out the data check and the costs, where another process has them.
    Raises :class:`mfclip.data.audit.refusal.DataRefused` with every error of the data check.
    """
    manifest, checked = _read_data(recipe, events, check=check)
    for text in remarks(recipe, manifest) if check else ():
        events.note(text)
    prompts = prompt_table(recipe, manifest)
    events.stage("Assembling the detector")
    detector, costs = assembled(recipe, prompts, count=check)
    events.parts(costs)
    drawn = synthetic or (recipe.data is not None and recipe.data.synthetic)
    return Plan(recipe, manifest, checked, prompts, detector, costs, drawn)


def replan(plan: Plan, recipe: Recipe, events: BuildEvents) -> Plan:
    """The plan with another recipe on the same data, its detector assembled from the seed."""
    prompts = prompt_table(recipe, plan.manifest)
    detector, costs = assembled(recipe, prompts)
    events.parts(costs)
    return replace(plan, recipe=recipe, prompts=prompts, detector=detector, costs=costs)


def assembled(
    recipe: Recipe, prompts: PromptTable | None, *, count: bool = True
) -> tuple[DetectorModule, Sequence[PartCost]]:
    """The detector of a recipe, fresh from its seed and run once, and what its parts cost.

    Without ``count`` it is not run, and nothing is told of its costs.
    """
    torch.manual_seed(recipe.training.seed if recipe.training else 0)
    with within_reason():
        detector = assemble(recipe, prompts)
    if not count:
        return detector, ()
    with naming_parts(detector), checking_shapes(detector, recipe):
        given, pairs = recipe.preprocessing, recipe.context().batch_size
        beside = recipe.preprocessor().example()
        rows = _distinct(prompts)
        costs = cost(detector, given.size, rows, pairs, beside, frames=given.frames)
    return detector, costs


def _read_data(
    recipe: Recipe, events: BuildEvents, *, check: bool
) -> tuple[Manifest | None, Audit | None]:
    if recipe.data is None:
        return None, None
    events.stage("Reading the data")
    manifest = read_data(recipe, events.step)
    # What would stop the evaluation must not be found after the training.
    columns = columns_of(manifest)
    require_videos(columns["video"], {name: columns[name] for name in SHARED})
    if not check:
        return manifest, None
    events.stage("Checking the data")
    checked = audit(
        manifest,
        progress=events.step,
        smallest=recipe.preprocessing.smallest,
        reencode=recipe.data.reencode,
    )
    events.audit(checked)
    require_sound(checked, recipe.data.findings)
    return manifest, checked


def prompt_table(recipe: Recipe, manifest: Manifest | None) -> PromptTable | None:
    """The distinct prompts of the training split: nothing of another split shapes a detector.

    Pseudo-fakes that the training makes of it are part of it. Without data, as for an untrained
    detector, the two labels that every data set has.
    """
    if recipe.prompts is None:
        return None
    labels = manifest.of_split("train").labels() if manifest else ANY_DATA
    if recipe.training is not None:
        labels = (*labels, *(part.label for part in recipe.augmentation.forged))
    # mypy wants a concrete class here; a runtime-checkable protocol does as well.
    kind: type[PromptRenderer] = PromptRenderer  # type: ignore[type-abstract]
    renderer = build_part(recipe.prompts, "prompts", recipe.context(), kind)
    with blaming(label_of("prompts", recipe.prompts), "failed on the labels of the data"):
        return PromptTable.make(labels, renderer, _tokeniser(recipe))


def _tokeniser(recipe: Recipe) -> Tokenises | None:
    """Whose tokens the prompts become; None: CLIP's."""
    for path, part in (("text", recipe.text), ("detector", recipe.detector)):
        if part is not None:
            with blaming(label_of(path, part), "could not give its tokeniser"):
                return part.tokeniser()
    return None


def _distinct(prompts: PromptTable | None) -> int:
    return len(prompts) if prompts is not None else 1
