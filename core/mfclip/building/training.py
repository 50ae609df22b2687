"""One training of a build: a recipe's detector on some rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfclip.detector.assemble import losses
from mfclip.ranks.world import ALONE, Ranks
from mfclip.training.augment import make_augmenter
from mfclip.training.loop import TrainingResult, train
from mfclip.training.pseudo import make_pseudo_fakes

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.prompts import PromptTable
    from mfclip.detector.base import DetectorModule
    from mfclip.recipe.model import Recipe
    from mfclip.training.progress import TrainingProgress

MAY_CHANGE = {"name", "data", "training", "candidates", "evaluation"}
"""Tables that a resumed run need not share as they are written: the training loop compares the
images and the settings that matter itself."""


def train_detector(
    recipe: Recipe,
    detector: DetectorModule,
    prompts: PromptTable | None,
    *,
    rows: Manifest,
    judged: Manifest,
    run: Path,
    resume: bool,
    device: torch.device,
    progress: TrainingProgress,
    unchanged: Mapping[str, Any] | None = None,
    scored: Callable[[int, NDArray[np.float64]], None] | None = None,
    until: int | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult:
    """Train on ``rows``, validating on ``judged``, as :func:`mfclip.training.loop.train` does.

    Parameters
    ----------
    unchanged
        What else, beside the recipe, must be as it was for an unfinished run to go on.
    """
    assert recipe.training is not None
    return train(
        detector,
        losses(recipe, len(prompts) if prompts else None),
        train=rows,
        val=judged,
        prompts=prompts,
        preprocessor=recipe.preprocessor(),
        settings=recipe.training,
        run=run,
        resume=resume,
        device=device,
        progress=progress,
        augment=make_augmenter(recipe.augmentation, recipe.context()),
        pseudo=make_pseudo_fakes(recipe.augmentation, recipe.context(), prompts),
        unchanged={**unchanged_tables(recipe), **(unchanged or {})},
        scored=scored,
        until=until,
        ranks=ranks,
    )


def unchanged_tables(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe a run must share with what it goes on from."""
    return recipe.model_dump(mode="json", exclude=MAY_CHANGE)
