"""The whole build: plan, train, evaluate, write the bundle."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from mfclip.building.events import BuildEvents, Silent
from mfclip.building.folders import check_run, close_run, open_run, run_beside
from mfclip.building.left_out import (
    FOLDER,
    Found,
    Search,
    check_candidates,
    make_search,
    train_folds,
)
from mfclip.building.measure import Measured, measure
from mfclip.building.plan import Plan, make_plan, replan
from mfclip.building.together import require_shareable
from mfclip.building.training import train_detector
from mfclip.building.writing import write
from mfclip.bundle.contents import Size
from mfclip.compute.allocator import keep_freed_memory
from mfclip.compute.precision import choose_precision
from mfclip.errors import UsageError
from mfclip.locks import holding
from mfclip.metrics.kinds_left_out import Choice
from mfclip.plugins.discovery import Plugins
from mfclip.ranks.world import ALONE, Ranks, device_of
from mfclip.recipe.model import Recipe
from mfclip.training.checkpoints import CheckpointFolder
from mfclip.training.loop import TrainingResult
from mfclip.training.validation import check_splits


@dataclass(frozen=True)
class Built:
    """What a finished build tells."""

    folder: Path
    measured: Measured | None
    """None where nothing was trained, and in a process that writes nothing."""
    choice: Choice | None
    """What was chosen by kinds left out; None where the validation split decided."""
    example: Path | None
    """A test image to try the detector on."""
    seconds: float
    size: Size | None
    """Of the weights in the bundle; None in a process that writes nothing."""


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
    ranks: Ranks = ALONE,
) -> Built:
    """Build one detector and write its bundle to ``folder``.

    ``text_side=False`` leaves out of the bundle what only training needs, ``light`` what pretrained
    weights give. ``synthetic`` says that a program drew the images, where the part that reads them
    cannot know. ``ranks`` are the processes that build together, each of which calls this alike;
    the first one checks the data, writes, and tells ``events``.

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
    require_shareable(recipe, ranks.place)
    where = device_of(device, ranks.place)
    events = events if ranks.leads else Silent()
    if where.type == "cpu":
        keep_freed_memory()
    with holding(folder) if ranks.leads else nullcontext():
        with ranks.lead_first():
            run = _open(folder, recipe, ranks, resume=resume, restart=restart)
            plan = make_plan(recipe, events, synthetic=synthetic, check=ranks.leads)
        search = _check_start(plan, where, plugins, events)
        found: Found | None = None
        trained: TrainingResult | None = None
        measured: Measured | None = None
        if search is not None:
            found = train_folds(search, run, where, events, resume=resume, ranks=ranks)
            plan = replan(plan, found.candidate.recipe, events)
        if recipe.training is not None:
            trained = _train(plan, run, where, events, found, resume=resume, ranks=ranks)
            measured = measure(plan, where, events, found, ranks)
        seconds = time.monotonic() - started
        size: Size | None = None
        if ranks.leads:
            events.stage("Writing the bundle")
            kept = {"text_side": text_side, "light": light}
            size = write(folder, plan, trained, measured, plugins, run, seconds=seconds, **kept)
            close_run(run)
    choice = found.choice if found else None
    return Built(folder, measured, choice, _example(plan), seconds, size)


def rehearse(
    recipe: Recipe,
    folder: Path,
    *,
    plugins: Plugins,
    events: BuildEvents,
    device: str = "auto",
    resume: bool = False,
    restart: bool = False,
) -> Search | None:
    """Do all of a build that comes before its training, and keep nothing of it.

    Gives what would be trained for a choice by kinds left out; None where there is none.

    Raises
    ------
    MfclipError
        Whatever :func:`build` with these arguments would raise before its first step.
    """
    with holding(folder):
        where = device_of(device, ALONE.place)
        run = check_run(folder, resume=resume or restart)
        if not restart:
            _check_run(run, recipe)
        return _check_start(make_plan(recipe, events), where, plugins, events)


def _open(folder: Path, recipe: Recipe, ranks: Ranks, *, resume: bool, restart: bool) -> Path:
    """The run's folder, which the first process makes ready."""
    if not ranks.leads:
        return run_beside(folder)
    run = open_run(folder, resume=resume, restart=restart)
    _check_run(run, recipe)
    return run


def _check_start(
    plan: Plan, device: torch.device, plugins: Plugins, events: BuildEvents
) -> Search | None:
    """Raise what the training would raise at its start; what a choice by kinds left out trains."""
    training = plan.recipe.training
    if training is None:
        return None
    assert plan.manifest is not None
    choose_precision(training.precision, device)
    check_splits(plan.manifest.of_split("train"), plan.manifest.of_split("val"))
    search = make_search(plan.recipe, plan.manifest, plugins)
    if search is not None:
        events.stage(search.told())
        check_candidates(search, plan.manifest, device, events)
    return search


def _check_run(run: Path, recipe: Recipe) -> None:
    """Raise :class:`UsageError` where an unfinished run was begun with the other validation."""
    begun = (run / FOLDER).exists()
    left_out = recipe.training is not None and recipe.training.left_out is not None
    if begun != left_out and (begun or CheckpointFolder(run).read() is not None):
        then, now = ("kinds left out", "val") if begun else ("val", "kinds left out")
        raise UsageError(
            f"the run in {run} was begun with validation by {then}, and the recipe's is by {now}: "
            "go on with what it began with, or discard it with --restart"
        )


def _example(plan: Plan) -> Path | None:
    test = plan.manifest.of_split("test") if plan.manifest else None
    return test.file(test.rows[0]) if test else None


def _train(
    plan: Plan,
    run: Path,
    device: torch.device,
    events: BuildEvents,
    found: Found | None,
    *,
    resume: bool,
    ranks: Ranks,
) -> TrainingResult:
    """The training on all rows, to the end or, where it is chosen, to an epoch."""
    assert plan.manifest is not None
    epoch = found.choice.epoch if found else None
    shared = f", in {ranks.count} processes" if ranks.count > 1 else ""
    events.stage(f"Training on {'all kinds on ' if found else ''}{device}{shared}")
    return train_detector(
        plan.recipe,
        plan.detector,
        plan.prompts,
        rows=plan.manifest.of_split("train"),
        judged=plan.manifest.of_split("val"),
        run=run,
        resume=resume,
        device=device,
        progress=events.training,
        unchanged={"chosen epoch": epoch} if found else None,
        until=epoch,
        ranks=ranks,
    )
