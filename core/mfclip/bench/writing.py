"""The tables of a benchmark in every form that people look at, and the record beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mfclip.bench.drawings import make_pictures
from mfclip.bench.page import to_html
from mfclip.bench.record import RECORD, BenchRecord
from mfclip.bench.text import to_csv, to_latex, to_markdown
from mfclip.files import write_text
from mfclip.pages.svg import as_file


def write_record(folder: Path, record: BenchRecord) -> list[Path]:
    """Write the tables in every form and their figures, then the record; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {**rendered(record), RECORD: record.model_dump_json(indent=2) + "\n"}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def rendered(record: BenchRecord) -> Mapping[str, str]:
    """The text of every file that shows the record's tables, figures among them, by name."""
    pictures = make_pictures(record.study, record.tables)
    forms = {"md": to_markdown, "csv": to_csv, "tex": to_latex}
    tables = {
        f"{table.slug}.{suffix}": form(table)
        for table in record.tables
        for suffix, form in forms.items()
    }
    drawn = {
        f"{one.name}.svg": as_file(one.drawing) for found in pictures.values() for one in found
    }
    return {**tables, **drawn, "index.html": to_html(record, pictures)}
