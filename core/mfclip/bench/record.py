"""The record beside every table: where its figures are from, and all it takes to check them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from mfclip.bench.selections import Frozen
from mfclip.bench.table import Table
from mfclip.bench.tables import Study
from mfclip.errors import DataError
from mfclip.files import write_text

RECORD = "record.json"


class CellFacts(Frozen):
    """One training."""

    experiment: str
    """Slug of its training set."""
    detector: str
    """Name of its detector."""
    seed: int
    """Of the training."""
    bundle: str
    """Folder of the trained detector, below that of the grid."""
    weights_sha256: str
    """Of its weights."""
    seconds: float | None
    """Of the build, its last run."""
    device: str
    """What it was trained on."""
    scores: dict[str, str]
    """Files of scores below the grid's folder, with their SHA-256."""
    conditions: dict[str, str]
    """The file of each condition; the key of uncorrupted images is empty."""


class DetectorCost(Frozen):
    """Size of a detector, as Table VIII gives it."""

    parameters: int
    """All of them, text side included where bundles have it."""
    macs_per_image: int
    """Multiply-accumulates of scoring one image."""
    macs_per_step: int
    """Of the text side, once a training step; 0 without one."""


class BenchRecord(Frozen):
    """Everything about the tables of one protocol."""

    format: int = 1
    """Version of this format."""
    study: Study
    """What was trained, tested and measured."""
    recipes: dict[str, str]
    """TOML by detector, every default filled in; data and seed are those of this record."""
    costs: dict[str, DetectorCost]
    """By detector."""
    versions: dict[str, str]
    """Of the framework, PyTorch, Python, every distribution that offers a part, and of what drew
    the figures (:func:`mfclip.bench.drawings.painter`)."""
    root: str
    """Folder of the images, as it was."""
    fingerprint: str
    """Of all the data: rows, and sizes of files."""
    images: dict[str, int]
    """By split."""
    manifests: dict[str, str]
    """SHA-256 of each experiment's manifest, by its file below the grid's folder."""
    cells: tuple[CellFacts, ...]
    """Every training."""
    tables: tuple[Table, ...]
    """The figures in full."""


def write_record(folder: Path, record: BenchRecord) -> list[Path]:
    """Write the tables in every form and their figures, then the record; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {**rendered(record), RECORD: record.model_dump_json(indent=2) + "\n"}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def rendered(record: BenchRecord) -> Mapping[str, str]:
    """The text of every file that shows the record's tables, figures among them, by name."""
    from mfclip.bench.drawings import make_pictures
    from mfclip.bench.page import to_html
    from mfclip.bench.text import to_csv, to_latex, to_markdown
    from mfclip.evaluation.report.svg import as_file

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


def read_record(file: Path) -> BenchRecord:
    """Read what :func:`write_record` wrote.

    Raises
    ------
    DataError
        Where it is something else.
    """
    try:
        return BenchRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DataError(f"{file} is no record of a benchmark: {error}") from error


def digest(file: Path) -> str:
    """SHA-256 of a file, hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
