"""The tables of a benchmark as one page that asks for nothing from elsewhere."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from mfclip.bench.table import Cell, Entry
from mfclip.bench.text import NOTHING, WITHIN, blocks, shown

if TYPE_CHECKING:
    from markupsafe import Markup

    from mfclip.bench.record import BenchRecord


def to_html(record: BenchRecord) -> str:
    """HTML with its style inside and no script; for light and dark screens, and for paper."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mfclip.bench", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("mfclip.evaluation.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        record=record,
        title=record.study.heading,
        lead=_lead(record),
        facts=_facts(record),
        style=style,
        blocks=blocks,
        figures=_figures,
    )


def _figures(cell: Cell | None) -> Markup:
    """Two cells of the table, each with its interval below."""
    from markupsafe import Markup

    if cell is None:
        return Markup(f"<td>{NOTHING}</td>" * 2)
    return Markup("".join(_figure(entry, cell.within) for entry in (cell.accuracy, cell.auc)))


def _figure(entry: Entry, within: bool) -> str:
    attributes = ' class="within"' if within else ""
    interval = ""
    if entry.low is not None and entry.high is not None:
        interval = f"<small>[{100 * entry.low:.1f}, {100 * entry.high:.1f}]</small>"
    return f"<td{attributes}>{escape(shown(entry))}{WITHIN if within else ''}{interval}</td>"


def _lead(record: BenchRecord) -> str:
    study = record.study
    sets, detectors, seeds = (
        _many(len(study.protocol.experiments), "training set"),
        _many(len(study.detectors), "detector"),
        _many(len(study.seeds), "seed"),
    )
    return f"{sets}, {detectors}, {seeds}: {_many(len(record.cells), 'training')}."


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


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
