"""The HTML report: one file that shows what a detector is worth, and on what grounds."""

from mfclip.evaluation.report.data import (
    EpochFigures,
    FindingLike,
    PartLike,
    ReportData,
    Sample,
    SimilarityMatrix,
)
from mfclip.evaluation.report.write import render_report, write_report

__all__ = [
    "EpochFigures",
    "FindingLike",
    "PartLike",
    "ReportData",
    "Sample",
    "SimilarityMatrix",
    "render_report",
    "write_report",
]
