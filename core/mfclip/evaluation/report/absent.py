"""A word on every section that a report lacks."""

from __future__ import annotations

from typing import NamedTuple

from mfclip.evaluation.report.data import ReportData, Section


class Absence(NamedTuple):
    """One section that is not there."""

    heading: str
    reason: str


_SECTIONS: dict[Section, tuple[str, str]] = {
    "results": ("Results", "the detector was not evaluated"),
    "curves": ("Curves and score histograms", "no scores were given"),
    "training": ("Training curves", "nothing was trained"),
    "similarity": ("Similarity of images and prompts", "the detector has no text side"),
    "samples": ("Sample images", "no images were scored"),
    "data": ("Data check", "no data were checked"),
    "recipe": ("Recipe", "none was given"),
}


def absences(data: ReportData) -> list[Absence]:
    """What is left out of the page, and why, in the order of the page."""
    there: dict[Section, bool] = {
        "results": data.evaluation is not None,
        "curves": data.evaluation is not None
        and data.scores is not None
        and len(data.scores.scored()) > 0,
        "training": bool(data.history),
        "similarity": data.similarity is not None,
        "samples": bool(data.samples),
        "data": data.findings is not None,
        "recipe": bool(data.recipe),
    }
    return [
        Absence(heading, data.absent.get(section, reason))
        for section, (heading, reason) in _SECTIONS.items()
        if not there[section]
    ]
