"""What ``mfclip evaluate --out`` leaves: scores, figures, a report."""

from __future__ import annotations

from pathlib import Path

from mfclip.detector.bundle_json import versions
from mfclip.evaluation.report.data import ReportData
from mfclip.evaluation.report.write import write_report
from mfclip.evaluation.results import Evaluation
from mfclip.evaluation.scores import ScoreTable, write_scores
from mfclip.files import write_text


def write_evaluation(folder: Path, title: str, table: ScoreTable, found: Evaluation) -> None:
    """Write ``scores.csv``, ``metrics.json``, ``metrics.md`` and ``report.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scores(table, found.operating, folder / "scores.csv")
    write_text(folder / "metrics.json", found.model_dump_json(indent=2))
    write_text(folder / "metrics.md", found.as_markdown())
    data = ReportData(
        title=title,
        subject="these images",
        evaluation=found,
        scores=table,
        versions=versions() | ({"scored in": found.precision} if found.precision else {}),
        absent={
            "training": "this report is of an evaluation; the bundle's own report has it",
            "samples": "this report has figures only",
        },
    )
    write_report(folder / "report.html", data)
