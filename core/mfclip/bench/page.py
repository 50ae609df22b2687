"""The tables of a benchmark as one page that asks for nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from mfclip.bench.table import HEADS, Cell, Entry, Row, Table
from mfclip.bench.text import WITHIN, blocks, entries, nothing, shown
from mfclip.pages.template import template
from mfclip.text import counted

if TYPE_CHECKING:
    from markupsafe import Markup

    from mfclip.bench.drawings import Picture
    from mfclip.bench.record import BenchRecord

ACROSS = 8
"""Test sets beside one another that a page of paper has room for."""


def to_html(record: BenchRecord, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """HTML with style and figures inside and no script; for light and dark screens, and paper.

    ``pictures`` are the figures by the slug of the table that each stands with.
    """
    return template("mfclip.bench").render(
        record=record,
        title=record.study.heading,
        lead=_lead(record),
        facts=_facts(record),
        blocks=blocks,
        figures=_figures,
        heads=HEADS,
        pictures=pictures,
        parts=_parts,
        version=record.versions.get("mfclip", ""),
    )


def _figures(table: Table, row: Row, cell: Cell | None) -> Markup:
    """The measures of one test set, each with its interval below."""
    from markupsafe import Markup

    within = cell is not None and cell.within
    lacking = nothing(row)
    return Markup("".join(_figure(entry, within, lacking) for entry in entries(table, cell)))


def _figure(entry: Entry | None, within: bool, lacking: str) -> str:
    if entry is None:
        return f"<td>{lacking}</td>"
    attributes = ' class="within"' if within else ""
    interval = ""
    if entry.low is not None and entry.high is not None:
        interval = f"<small>[{100 * entry.low:.1f}, {100 * entry.high:.1f}]</small>"
    return f"<td{attributes}>{escape(shown(entry))}{WITHIN if within else ''}{interval}</td>"


def _parts(table: Table) -> list[tuple[str, Table]]:
    """A table in as many as paper has room for beside one another, with their headings."""
    heads = len(table.columns) + bool(table.average)
    lots = math.ceil(heads / ACROSS)
    if lots == 1:
        return [("", table)]
    ends = [round(lot * heads / lots) for lot in range(lots + 1)]
    return [
        (f"part {number} of {lots}", _columns(table, start, end))
        for number, (start, end) in enumerate(pairwise(ends), 1)
    ]


def _columns(table: Table, start: int, end: int) -> Table:
    """Some columns of a table; the average is the one after the last."""
    average = table.average if end > len(table.columns) else ""
    rows = tuple(
        row.model_copy(
            update={"cells": row.cells[start:end], "average": row.average if average else None}
        )
        for row in table.rows
    )
    update = {"columns": table.columns[start:end], "rows": rows, "average": average}
    return table.model_copy(update=update)


def _lead(record: BenchRecord) -> str:
    study = record.study
    sets, detectors, seeds = (
        counted(len(study.protocol.experiments), "training set"),
        counted(len(study.detectors), "detector"),
        counted(len(study.seeds), "seed"),
    )
    failed = f"; {len(record.failed)} failed" if record.failed else ""
    return f"{sets}, {detectors}, {seeds}: {counted(len(record.cells), 'training')}{failed}."


def _facts(record: BenchRecord) -> dict[str, str]:
    hours = sum(cell.seconds or 0 for cell in record.cells) / 3600
    devices = sorted({cell.device for cell in record.cells if cell.device})
    return {
        "seeds": ", ".join(map(str, record.study.seeds)),
        "images": ", ".join(f"{n} {split}" for split, n in record.images.items()),
        "data fingerprint": record.fingerprint[:16],
        "trained on": ", ".join(devices) or "unknown",
        "time of the trainings": f"{hours:.2f} h",
        **{f"version of {name}": version for name, version in record.versions.items()},
    }
