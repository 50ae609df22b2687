"""After training: fit the operating points on validation, then look at the test split once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from mfclip.building.events import BuildEvents
from mfclip.building.familiar import familiar_of
from mfclip.building.left_out import Found
from mfclip.building.plan import Plan
from mfclip.compute.precision import choose_precision, precision_name
from mfclip.data.manifest import Manifest
from mfclip.evaluation.evaluate import evaluate
from mfclip.inference.predict import predict_log_odds
from mfclip.metrics.familiar import Familiar
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.results import Evaluation
from mfclip.metrics.scores import ScoreTable
from mfclip.ranks.world import ALONE, Ranks


@dataclass(frozen=True)
class Measured:
    """What is known of a trained detector."""

    validation: ScoreTable
    test: ScoreTable
    operating: OperatingPoints
    """Fitted on validation, or on what ``found`` has pooled."""
    in_kind: Evaluation
    """Of validation, at those points."""
    evaluation: Evaluation
    """Of the test split, at those points."""
    precision: Literal["fp32", "bf16"]
    """Arithmetic that both splits were scored in."""
    found: Found | None = None
    """What was chosen by kinds left out; None where validation decided."""
    left_out: Evaluation | None = None
    """Of the scores that it pooled, at those points."""
    familiar: Familiar | None = None
    """What the training images were like, where the recipe asks for it."""


def measure(
    plan: Plan,
    device: torch.device,
    events: BuildEvents,
    found: Found | None = None,
    ranks: Ranks = ALONE,
) -> Measured | None:
    """Score validation and test; nothing of the test split shapes what is fitted.

    With ``found``, temperature and thresholds are fitted on the scores of detectors that never saw
    the kind that they scored, and not on the detector's own. Several processes (``ranks``) score
    together; the first one alone has the figures, the others get None.
    """
    assert plan.manifest is not None
    assert plan.recipe.training is not None
    precision = choose_precision(plan.recipe.training.precision, device)
    source = "kinds left out" if found else "the validation split"
    events.stage(f"Fitting threshold and calibration on {source}")
    validation = _scores(plan, plan.manifest.of_split("val"), device, precision, events, ranks)
    operating = fit_operating_points(
        found.scores if found else validation, plan.recipe.evaluation.uncertain_error
    )
    familiar = None
    if plan.recipe.evaluation.unlike is not None and ranks.leads:
        events.stage("Looking at what the training images are like")
        familiar, why = familiar_of(plan, device, precision)
        notes = (*operating.notes, *([why] if why else []))
        operating = operating.model_copy(update={"notes": notes})
    events.stage("Scoring the test split")
    test = _scores(plan, plan.manifest.of_split("test"), device, precision, events, ranks)
    if not ranks.leads:
        return None
    name = precision_name(precision)
    settings = plan.recipe.evaluation
    return Measured(
        validation=validation,
        test=test,
        operating=operating,
        in_kind=evaluate(validation, operating, settings),
        evaluation=evaluate(test, operating, settings).model_copy(update={"precision": name}),
        precision=name,
        found=found,
        familiar=familiar,
        left_out=evaluate(found.scores, operating, settings) if found else None,
    )


def _scores(
    plan: Plan,
    manifest: Manifest,
    device: torch.device,
    precision: torch.dtype,
    events: BuildEvents,
    ranks: Ranks,
) -> ScoreTable:
    settings = plan.recipe.training
    assert settings is not None
    log_odds = predict_log_odds(
        plan.detector,
        manifest,
        plan.recipe.preprocessor(),
        batch_size=settings.batch_size,
        workers=ranks.workers(settings.workers),
        device=device,
        precision=precision,
        progress=events.step,
        ranks=ranks,
    )
    return ScoreTable.from_manifest(manifest, log_odds)
