"""The whole build: plan, train, evaluate, write the bundle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from mfclip.building.events import BuildEvents
from mfclip.building.folders import check_run, close_run, open_run
from mfclip.building.measure import Measured, measure
from mfclip.building.plan import Plan, make_plan
from mfclip.building.writing import write
from mfclip.bundle.contents import Size
from mfclip.compute.allocator import keep_freed_memory
from mfclip.compute.devices import choose_device
from mfclip.compute.precision import choose_precision
from mfclip.detector.assemble import losses
from mfclip.locks import holding
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.model import Recipe
from mfclip.training.augment import make_augmenter
from mfclip.training.loop import TrainingResult, train
from mfclip.training.pseudo import make_pseudo_fakes
from mfclip.training.validation import check_splits

MAY_CHANGE = {"name", "data", "training", "evaluation"}
"""Tables that a resumed run need not share as they are written: the training loop compares the
images and the settings that matter itself."""


@dataclass(frozen=True)
class Built:
    """What a finished build tells."""

    folder: Path
    measured: Measured | None
    """None where nothing was trained."""
    example: Path | None
    """A test image to try the detector on."""
    seconds: float
    size: Size
    """Of the weights in the bundle."""


def build(
    recipe: Recipe,
    folder: Path,
    *,
    plugins: Plugins,
    events: BuildEvents,
    device: str = "auto",
    resume: bool = False,
    restart: bool = False,
    text_side: bool = True,
    light: bool = False,
    synthetic: bool = False,
) -> Built:
    """Build one detector and write its bundle to ``folder``.

    ``text_side=False`` leaves out of the bundle what only training needs, ``light`` what pretrained
    weights give. ``synthetic`` says that a program drew the images, where the part that reads them
    cannot know.

    Raises
    ------
    UsageError
        Where an unfinished run or somebody's files are in the way, or another process builds there.
    DataError
        Where the data check finds errors.
    TrainingError
        Where a loss stops being finite.
    """
    started = time.monotonic()
    where = choose_device(device)
    if where.type == "cpu":
        keep_freed_memory()
    with holding(folder):
        run = open_run(folder, resume=resume, restart=restart)
        plan = make_plan(recipe, events, synthetic=synthetic)
        _check_start(plan, where)
        trained: TrainingResult | None = None
        measured: Measured | None = None
        if recipe.training is not None:
            trained = _train(plan, run, where, events, resume=resume)
            measured = measure(plan, where, events)
        events.stage("Writing the bundle")
        seconds = time.monotonic() - started
        kept = {"text_side": text_side, "light": light}
        size = write(folder, plan, trained, measured, plugins, run, seconds=seconds, **kept)
        close_run(run)
    return Built(folder, measured, _example(plan), seconds, size)


def rehearse(
    recipe: Recipe,
    folder: Path,
    *,
    events: BuildEvents,
    device: str = "auto",
    resume: bool = False,
    restart: bool = False,
) -> Plan:
    """Do all of a build that comes before its training, and keep nothing of it.

    Raises
    ------
    MfclipError
        Whatever :func:`build` with these arguments would raise before its first step.
    """
    with holding(folder):
        where = choose_device(device)
        check_run(folder, resume=resume or restart)
        plan = make_plan(recipe, events)
        _check_start(plan, where)
    return plan


def _check_start(plan: Plan, device: torch.device) -> None:
    """Raise what the training would raise at its start."""
    training = plan.recipe.training
    if training is not None:
        assert plan.manifest is not None
        choose_precision(training.precision, device)
        check_splits(plan.manifest.of_split("train"), plan.manifest.of_split("val"))


def _example(plan: Plan) -> Path | None:
    test = plan.manifest.of_split("test") if plan.manifest else None
    return test.file(test.rows[0]) if test else None


def _train(
    plan: Plan, run: Path, device: torch.device, events: BuildEvents, *, resume: bool
) -> TrainingResult:
    recipe, manifest = plan.recipe, plan.manifest
    assert recipe.training is not None
    assert manifest is not None
    events.stage(f"Training on {device}")
    return train(
        plan.detector,
        losses(recipe, len(plan.prompts) if plan.prompts else None),
        train=manifest.of_split("train"),
        val=manifest.of_split("val"),
        prompts=plan.prompts,
        preprocessor=recipe.preprocessor(),
        settings=recipe.training,
        run=run,
        resume=resume,
        device=device,
        progress=events.training,
        augment=make_augmenter(recipe.augmentation, recipe.context()),
        pseudo=make_pseudo_fakes(recipe.augmentation, recipe.context(), plan.prompts),
        unchanged=recipe.model_dump(mode="json", exclude=MAY_CHANGE),
    )
