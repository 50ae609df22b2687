"""Fill in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfclip.evaluation.report.absent import absences
from mfclip.evaluation.report.data import ReportData
from mfclip.files import write_bytes
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.results import METRICS, Evaluation
from mfclip.pages.template import template
from mfclip.pages.words import percent

TILES = ("roc_auc", "accuracy", "equal_error_rate", "tpr_at_fpr_5")
"""The figures at the top."""


def write_report(path: Path, data: ReportData) -> None:
    """Write the page as one file that asks for nothing from elsewhere.

    The file appears whole or not at all; an earlier one at its place is replaced.
    """
    # A file name may hold bytes that are no text; it is shown with question marks.
    write_bytes(path, render_report(data).encode(errors="replace"))


def render_report(data: ReportData) -> str:
    """The page as text: HTML with its style, figures and pictures inside, and no script."""
    return template("mfclip.evaluation.report").render(_context(data))


def _context(data: ReportData) -> dict[str, Any]:
    """Everything the page shows."""
    from mfclip.evaluation.report.pictures import card
    from mfclip.version import __version__

    operating = _operating(data)
    return {
        "data": data,
        "operating": operating,
        "evaluation": data.evaluation,
        "metrics": METRICS,
        "tiles": [metric for name in TILES for metric in METRICS if metric.field == name],
        "lead": None if data.evaluation is None else lead(data.evaluation, data.subject),
        "drawings": _drawings(data),
        "cards": [card(sample, operating) for sample in data.samples],
        "absences": absences(data),
        "version": __version__,
    }


def _operating(data: ReportData) -> OperatingPoints:
    """The fitted points; their defaults where nothing was evaluated."""
    for evaluation in (data.evaluation, data.validation):
        if evaluation is not None:
            return evaluation.operating
    return OperatingPoints()


def lead(evaluation: Evaluation, subject: str = "the test split") -> str:
    """The result in two sentences that need no knowledge of the field."""
    row, fitted = evaluation.overall, evaluation.thresholds[0]
    if row.undefined:
        return f"The detector could not be measured: there are {row.undefined} in {subject}."
    missed = 1 - fitted.found.value
    return (
        f"Shown a random fake and a random real of {subject}, the detector gives the fake "
        f"the higher score in {percent(row.roc_auc.value)} of cases; chance would be 50 %. At its "
        f"threshold it judges {percent(fitted.accuracy.value)} of the images rightly: it flags "
        f"{percent(fitted.false_alarms.value)} of the reals and misses {percent(missed)} of the "
        "fakes."
    )


def _drawings(data: ReportData) -> dict[str, Any]:
    """The figures of each section."""
    from mfclip.evaluation.report.figures.calibration import calibration_drawing
    from mfclip.evaluation.report.figures.forest import forest_drawing
    from mfclip.evaluation.report.figures.histogram import histogram_drawing
    from mfclip.evaluation.report.figures.roc import roc_drawings
    from mfclip.evaluation.report.figures.similarity import similarity_drawing
    from mfclip.evaluation.report.figures.training import training_drawings
    from mfclip.metrics.calibration import calibration_of

    curves = []
    if data.evaluation is not None and data.scores is not None and len(data.scores.scored()):
        curves = roc_drawings(data.evaluation, data.scores, data.subject)
        operating, confidence = data.evaluation.operating, data.evaluation.settings.confidence
        curves.append(histogram_drawing(data.scores, operating, data.subject))
        calibration = calibration_of(data.scores, operating, confidence=confidence)
        curves += filter(None, [calibration_drawing(calibration, data.subject)])
    return {
        "forest": None if data.evaluation is None else forest_drawing(data.evaluation),
        "curves": curves,
        "training": training_drawings(
            data.history, data.best_epoch, chosen_by_it=data.choice is None
        ),
        "similarity": None if data.similarity is None else similarity_drawing(data.similarity),
    }
