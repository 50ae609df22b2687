"""What the training images were like, for remarks on images that are unlike them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mfclip.inference.inputs import form_of
from mfclip.inference.predict import Predictor, features_with
from mfclip.metrics.familiar import Familiar, fit_familiar

if TYPE_CHECKING:
    import torch

    from mfclip.building.plan import Plan
    from mfclip.data.manifest import Manifest

MOST = 1000
"""Images that are looked at, of training and of validation each: evenly spaced rows."""


def familiar_of(
    plan: Plan, device: torch.device, precision: torch.dtype
) -> tuple[Familiar | None, str]:
    """What is fitted as the recipe asks; without it, why."""
    share, settings = plan.recipe.evaluation.unlike, plan.recipe.training
    assert share is not None
    assert settings is not None
    assert plan.manifest is not None
    known = _some(plan.manifest.of_split("train"))
    predictor = Predictor(
        plan.detector, plan.recipe.preprocessor(), device=device, precision=precision
    )
    look = partial(
        features_with, predictor, batch_size=settings.batch_size, workers=settings.workers
    )
    training, sides = look(known)
    validation, _ = look(_some(plan.manifest.of_split("val")))
    if training is None or validation is None:
        return None, "this detector gives no features; images unlike the training's are not told"
    try:
        found = fit_familiar(training, validation, share, sides=sides, formats=_formats(known))
    except ValueError as error:
        return None, f"images unlike the training's are not told: {error}"
    return found, ""


def _some(manifest: Manifest) -> Manifest:
    if len(manifest) <= MOST:
        return manifest
    places = np.linspace(0, len(manifest) - 1, MOST).round().astype(int)
    return replace(manifest, rows=tuple(manifest.rows[place] for place in places))


def _formats(manifest: Manifest) -> Iterator[str]:
    yield from filter(None, map(form_of, manifest.files()))
