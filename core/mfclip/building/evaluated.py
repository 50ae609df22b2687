"""What ``mfclip evaluate --out`` leaves: scores, figures, a report."""

from __future__ import annotations

from pathlib import Path

from mfclip.bundle.description import versions
from mfclip.evaluation.markdown import render
from mfclip.evaluation.report.data import ReportData
from mfclip.evaluation.report.write import write_report
from mfclip.files import write_text
from mfclip.metrics.results import Evaluation
from mfclip.metrics.scores import ScoreTable, write_scores


def write_evaluation(folder: Path, title: str, table: ScoreTable, found: Evaluation) -> None:
    """Write ``scores.csv``, ``metrics.json``, ``metrics.md`` and ``report.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scores(table, found.operating, folder / "scores.csv")
    write_text(folder / "metrics.json", found.model_dump_json(indent=2))
    write_text(folder / "metrics.md", render(found))
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
