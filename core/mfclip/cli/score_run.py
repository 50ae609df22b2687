"""The rows of an unfinished ``mfclip score --out``: kept beside the output, and gone on with.

``scores.csv.partial/`` holds ``rows``, what is written so far, and ``run.json``, what it was
written with. In the end ``rows`` becomes ``scores.csv`` by one rename. A killed run may leave half
a row at the end; it is dropped, and so are rows of an unfinished batch: a resumed run forms the
same batches as one that was never stopped, and writes the same bytes.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from mfclip.cli.score_rows import Format, sink_for
from mfclip.errors import UsageError
from mfclip.files import sync, write_text
from mfclip.inference.rows import COLUMNS
from mfclip.text import differences

ROWS, RUN = "rows", "run.json"
ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
"""Of the rows: names of files are written as the bytes that they are."""


class Written(NamedTuple):
    """A complete row that an earlier run wrote; of several faces, all rows of the picture."""

    path: str
    outcome: str
    """Its verdict, or its status where it has none."""
    end: int
    """Bytes of the file up to the end of the row."""
    last: bool = True
    """Whether it ends what there is of the path; a picture has a row for each face."""


@dataclass
class Rows:
    """A file of rows to write on."""

    stream: IO[str]
    counts: Counter[str] = field(default_factory=Counter)
    """Of the rows that are there already, by verdict or status."""


def partial_of(out: Path) -> Path:
    """The folder beside ``out`` that holds an unfinished run."""
    return out.with_name(out.name + ".partial")


def check_place(out: Path | None, *, resume: bool, restart: bool) -> None:
    """Before anything is loaded. Raises :class:`UsageError` where a run would be lost."""
    if resume and restart:
        raise UsageError("--resume and --restart exclude each other; give one of them")
    if out is None or (out.exists() and not out.is_file()):
        if resume or restart:
            raise UsageError("--resume and --restart need --out FILE: only there rows are kept")
        return
    partial = partial_of(out)
    if (partial / ROWS).exists() and not (resume or restart):
        raise UsageError(
            f"an unfinished run lies in {partial}: go on with --resume, or discard it with "
            "--restart"
        )


@contextmanager
def open_rows(
    out: Path,
    form: Format,
    conditions: Mapping[str, Any],
    paths: Iterator[Path],
    *,
    batch_size: int,
    resume: bool,
    columns: Sequence[str] = COLUMNS,
) -> Iterator[Rows]:
    """A stream whose rows become ``out`` at the end of the block; else they stay beside it.

    Parameters
    ----------
    conditions
        What the rows depend on; a run that is gone on with must have the same.
    paths
        Files to score, in order. Those whose rows are there already are taken from it.

    Raises
    ------
    UsageError
        Where the unfinished run had other conditions, or other files.
    """
    if out.exists() and not out.is_file():  # such as /dev/null: written to directly
        with out.open("w", **ENCODING) as stream:
            sink_for(stream, form, columns).begin()
            yield Rows(stream)
        return
    partial = partial_of(out)
    with _opened(partial, form, conditions, paths, batch_size, columns, resume=resume) as rows:
        yield rows
        rows.stream.flush()
    sync(partial / ROWS)
    (partial / ROWS).replace(out)
    sync(out.resolve().parent)
    shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _opened(
    partial: Path,
    form: Format,
    conditions: Mapping[str, Any],
    paths: Iterator[Path],
    batch_size: int,
    columns: Sequence[str],
    *,
    resume: bool,
) -> Iterator[Rows]:
    file = partial / ROWS
    if resume and file.exists():
        _check_conditions(partial, conditions)
        counts, end = _pass_by(file, form, paths, batch_size)
        if end:
            with file.open("r+b") as stream:
                stream.truncate(end)
            with file.open("a", **ENCODING) as rows:
                yield Rows(rows, counts)
            return
    partial.mkdir(exist_ok=True)
    write_text(partial / RUN, json.dumps(conditions, indent=1) + "\n")
    with file.open("w", **ENCODING) as rows:
        sink_for(rows, form, columns).begin()
        yield Rows(rows)


def _check_conditions(partial: Path, now: Mapping[str, Any]) -> None:
    try:
        then = json.loads((partial / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{partial / RUN} cannot be read ({error}); discard the unfinished run with --restart"
        ) from error
    if changed := differences(then, now):
        raise UsageError(
            f"the unfinished run in {partial} was another:\n{changed}\n"
            "  run it as it was, or discard it with --restart"
        )


def _pass_by(
    file: Path, form: Format, paths: Iterator[Path], batch_size: int
) -> tuple[Counter[str], int]:
    """Take the files of whole batches from ``paths``; their outcomes, and where they end."""
    whole = sum(1 for _ in _written(file, form))
    counts: Counter[str] = Counter()
    end = 0
    for number, row in enumerate(islice(_written(file, form), whole - whole % batch_size), 1):
        found = next(paths, None)
        if str(found) != row.path:
            raise UsageError(
                f"{file}: row {number} is of {row.path}, where {found or 'no file'} is found now; "
                "the files have changed: begin again with --restart"
            )
        counts[row.outcome] += 1
        end = row.end
    return counts, end


def _written(file: Path, form: Format) -> Iterator[Written]:
    """What is complete in a file: rows, or all rows of a picture's faces as one."""
    first = None
    for row in _rows(file, form):
        first = first or row
        if row.last:
            yield first._replace(end=row.end)
            first = None


def _rows(file: Path, form: Format) -> Iterator[Written]:
    with file.open("rb") as stream:
        records = _records(stream, form)
        header = next(records, b"") if form == "csv" else b""
        columns = _values(file, header) if header else []
        end = len(header)
        for record in records:
            end += len(record)
            row = _json(file, record) if form == "jsonl" else _named(file, columns, record)
            verdict = row["verdict"] if "faces" not in row else row["picture_verdict"]
            last = not row.get("face") or str(row["face"]) == str(row["faces"])
            yield Written(row["path"], verdict or row["status"], end, last)


def _records(stream: IO[bytes], form: Format) -> Iterator[bytes]:
    """Lines that have their end; in CSV, a line within quotes belongs to the one before it."""
    record = b""
    for line in stream:
        record += line
        if line.endswith(b"\n") and (form != "csv" or record.count(b'"') % 2 == 0):
            yield record
            record = b""


def _named(file: Path, columns: list[str], record: bytes) -> dict[str, str]:
    try:
        return dict(zip(columns, _values(file, record), strict=True))
    except ValueError as error:
        raise _damaged(file, error) from error


def _values(file: Path, record: bytes) -> list[str]:
    try:
        return next(csv.reader([record.decode("utf-8", "surrogateescape")]))
    except csv.Error as error:
        raise _damaged(file, error) from error


def _json(file: Path, record: bytes) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(record.decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise _damaged(file, error) from error
    return found


def _damaged(file: Path, error: Exception) -> UsageError:
    return UsageError(f"{file} is damaged ({error}); discard the unfinished run with --restart")
