"""A comparison as Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mfclip.evaluation.compare import ComparedRow, Comparison
from mfclip.evaluation.markdown import table
from mfclip.metrics.delong import PairedTest

HEAD = ["", "real", "fake", "units", "AUC A", "AUC B", "A − B", "p", "p, DeLong"]


def render(comparison: Comparison) -> str:
    """Who is compared, the table, how to read it, and warnings; by video too where there are."""
    lines = [f"A: {comparison.a}", "", f"B: {comparison.b}", "", *_lines(comparison)]
    if comparison.videos is not None:
        said = "By video: each row counts videos, scored by the mean log-odds of their frames."
        lines += ["", said, "", *_lines(comparison.videos)]
    return "\n".join(lines)


def _lines(comparison: Comparison) -> Iterator[str]:
    settings = comparison.settings
    yield from table(HEAD, map(_cells, comparison.rows))
    yield ""
    yield (
        f"AUC in percent. A − B with its {settings.confidence:.0%} interval and p from "
        f"{settings.bootstrap} resamples of units: identities, else videos, else images. DeLong's "
        "test takes images as independent: where there are fewer units than images, its p is too "
        f"small. No p is corrected for looking at {len(comparison.rows)} rows."
    )
    notes = [f"- {row.name}: {note}" for row in comparison.rows for note in _notes(row)]
    first, second = comparison.precisions
    if first and second and first != second:
        notes.insert(0, f"- A scored in {first}, B in {second}: part of a difference may be that")
    if comparison.unscored:
        notes.insert(0, f"- images without two scores, left out: {comparison.unscored}")
    if notes:
        yield ""
        yield from notes


def _cells(row: ComparedRow) -> list[str]:
    name = "**overall**" if row.kind == "overall" else f"{row.kind} {row.name}"
    counts = map(str, (row.reals, row.fakes, row.identities))
    found = row.bootstrap
    p_values = (_p_value(found.p_value), _p_value(row.delong.p_value))
    return [name, *counts, _percent(found.auc_a), _percent(found.auc_b), _gap(found), *p_values]


def _notes(row: ComparedRow) -> Iterator[str]:
    """Why figures are missing, once, and what to beware of."""
    yield from dict.fromkeys(filter(None, (row.bootstrap.undefined, row.delong.undefined)))
    yield from row.warnings


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share * 100:.1f}"


def _gap(found: PairedTest) -> str:
    """The difference with its interval, with signs."""
    if math.isnan(found.difference):
        return "–"
    value, low, high = (
        f"{share * 100:+.1f}" for share in (found.difference, found.low, found.high)
    )
    return f"{value} [{low}, {high}]"


def _p_value(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
