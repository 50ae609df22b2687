"""``mfclip score``: p_fake for files, folders and globs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from mfclip.cli.options import Device, Precision, Registry

if TYPE_CHECKING:
    from mfclip.inference.score import Score

COLUMNS = ("path", "p_fake", "verdict", "threshold", "status")

Format = Literal["table", "csv", "jsonl"]


class Sink(Protocol):
    """Takes one row after the other."""

    def write(self, row: dict[str, str | float | None]) -> None:
        """Write one row."""


def score(
    bundle: Annotated[Path, typer.Argument(help="Folder that mfclip-build wrote.")],
    paths: Annotated[list[str], typer.Argument(help="Image files, folders and globs.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: a table on a terminal, CSV elsewhere."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the rows to this file.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 24,
    workers: Annotated[int | None, typer.Option(min=0, help="Decoding processes.")] = None,
    device: Device = "auto",
    precision: Precision = None,
    registry: Registry = None,
) -> None:
    """Score images: p_fake is the calibrated probability that a face is forged (0-1).

    Files that cannot be read get a status of their own and the run goes on; then the command
    ends with exit code 9 and says how many there were.
    """
    from mfclip.data.images import find_images
    from mfclip.inference.loaded import load
    from mfclip.inference.score import score_paths

    loaded = load(bundle, device=device, precision=precision, registry=registry)
    typer.echo(str(loaded.arithmetic), err=True)
    found = find_images(paths)
    rows = score_paths(loaded, found, batch_size=batch_size, workers=workers)
    if out is None:
        _finish(_pour(rows, sys.stdout, form or ("table" if sys.stdout.isatty() else "csv")))
        return
    from mfclip.files import open_atomically

    with open_atomically(out) as stream:
        counts = _pour(rows, stream, form or ("jsonl" if out.suffix == ".jsonl" else "csv"))
    typer.echo(f"wrote {out}", err=True)
    _finish(counts)


def _pour(rows: Iterable[Score], stream: IO[str], form: Format) -> dict[str, int]:
    """Write the rows as they come, and count verdicts and statuses."""
    counts: dict[str, int] = {}
    for row in _written(rows, _sink(stream, form)):
        key = row.verdict or row.status
        counts[key] = counts.get(key, 0) + 1
    return counts


def _written(rows: Iterable[Score], sink: Sink) -> Iterator[Score]:
    for row in rows:
        sink.write(
            {
                "path": str(row.path),
                "p_fake": None if row.p_fake is None else round(row.p_fake, 6),
                "verdict": row.verdict,
                "threshold": round(row.threshold, 6),
                "status": row.status,
            }
        )
        yield row


def _finish(counts: dict[str, int]) -> None:
    """Say what there was; a file that could not be scored makes the exit code tell of it."""
    from mfclip.errors import SomeFilesFailed

    total = sum(counts.values())
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    typer.echo(f"{total} files: {told}" if total else "no files", err=True)
    failed = total - counts.get("real", 0) - counts.get("fake", 0)
    if failed:
        raise SomeFilesFailed(f"{failed} of {total} files could not be scored; see their status")


def _sink(stream: IO[str], form: Format) -> Sink:
    sinks: dict[Format, Callable[[IO[str]], Sink]] = {
        "csv": CsvSink,
        "jsonl": JsonSink,
        "table": TableSink,
    }
    return sinks[form](stream)


class CsvSink:
    """Rows as CSV with a header."""

    def __init__(self, stream: IO[str]) -> None:
        self._writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        self._writer.writeheader()

    def write(self, row: dict[str, str | float | None]) -> None:
        """Write one row."""
        self._writer.writerow(row)


class JsonSink:
    """Rows as one JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, row: dict[str, str | float | None]) -> None:
        """Write one row."""
        self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")


class TableSink:
    """Rows in columns for people; printed as they come, so any number of files fits."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._stream.write(
            f"{'P_FAKE':>7}  {'VERDICT':<7}  {'THRESHOLD':>9}  {'STATUS':<13}  PATH\n"
        )

    def write(self, row: dict[str, str | float | None]) -> None:
        """Write one row."""
        p_fake = "-" if row["p_fake"] is None else f"{row['p_fake']:.4f}"
        verdict = row["verdict"] or "-"
        fixed = f"{p_fake:>7}  {verdict:<7}  {row['threshold']:>9.4f}  {row['status']:<13}"
        self._stream.write(f"{fixed}  {row['path']}\n")
