"""The record beside every table: where its figures are from, and all it takes to check them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from mfclip.bench.selections import Frozen
from mfclip.bench.study import Study
from mfclip.bench.table import Table
from mfclip.errors import DataError

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
    """Every training that did not fail."""
    tables: tuple[Table, ...]
    """The figures in full."""
    failed: dict[str, str] = Field(default={})
    """Why there are no figures: by training, or by detector where none could be begun."""


def read_record(file: Path) -> BenchRecord:
    """Read what :func:`mfclip.bench.writing.write_record` wrote.

    Raises
    ------
    DataError
        Where it is something else.
    """
    try:
        return BenchRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DataError(f"{file} is no record of a benchmark: {error}") from error
