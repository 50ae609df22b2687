"""After training: fit the operating points on validation, then look at the test split once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from mfclip.building.events import BuildEvents
from mfclip.building.plan import Plan
from mfclip.compute.precision import choose_precision, precision_name
from mfclip.data.manifest import Manifest
from mfclip.evaluation.evaluate import evaluate
from mfclip.inference.predict import predict_log_odds
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.results import Evaluation
from mfclip.metrics.scores import ScoreTable


@dataclass(frozen=True)
class Measured:
    """What is known of a trained detector."""

    validation: ScoreTable
    test: ScoreTable
    operating: OperatingPoints
    """Fitted on validation."""
    evaluation: Evaluation
    """Of the test split, at those points."""
    precision: Literal["fp32", "bf16"]
    """Arithmetic that both splits were scored in."""


def measure(plan: Plan, device: torch.device, events: BuildEvents) -> Measured:
    """Score validation and test; nothing of the test split shapes what is fitted."""
    assert plan.manifest is not None
    assert plan.recipe.training is not None
    precision = choose_precision(plan.recipe.training.precision, device)
    events.stage("Fitting threshold and calibration on the validation split")
    validation = _scores(plan, plan.manifest.of_split("val"), device, precision, events)
    operating = fit_operating_points(validation)
    events.stage("Scoring the test split")
    test = _scores(plan, plan.manifest.of_split("test"), device, precision, events)
    name = precision_name(precision)
    found = evaluate(test, operating, plan.recipe.evaluation)
    evaluation = found.model_copy(update={"precision": name})
    return Measured(validation, test, operating, evaluation, name)


def _scores(
    plan: Plan,
    manifest: Manifest,
    device: torch.device,
    precision: torch.dtype,
    events: BuildEvents,
) -> ScoreTable:
    settings = plan.recipe.training
    assert settings is not None
    log_odds = predict_log_odds(
        plan.detector,
        manifest,
        plan.recipe.preprocessor(),
        batch_size=settings.batch_size,
        workers=settings.workers,
        device=device,
        precision=precision,
        progress=events.step,
    )
    return ScoreTable.from_manifest(manifest, log_odds)
