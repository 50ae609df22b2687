"""Tables of text on disk: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from mfclip.errors import DataError, MissingExtraError
from mfclip.files import replace_file

DELIMITERS = (",", ";", "\t")
"""What may stand between the cells of a CSV; read off its header."""

_BATCH = 1 << 16
"""Rows of Parquet that are in memory at once."""

MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "#n/a", "nat", "none", "null"})
"""Cells, in lower case, that say that a value is not known: what programs write for that."""


def is_missing(cell: str) -> bool:
    """Whether a cell is empty, or ``nan``, ``NA``, ``None``, ``null`` or the like, in any case.

    ``nan`` as the identity of a thousand images would make them one person, and intervals narrow.
    """
    return cell.casefold() in MISSING


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read, nothing checked yet."""

    columns: tuple[str, ...]
    """Header cells, stripped and in lower case."""
    records: Iterator[tuple[str, Sequence[str]]]
    """For each row where it stands (``line 3``) and its cells, stripped; read as they are taken.
    Taking them raises :class:`DataError` where the file is damaged further down."""


def read_table(file: Path) -> Table:
    """Read a table by its suffix: ``.parquet``, or CSV.

    CSV is UTF-8 with or without a byte-order mark, any line ends, and a comma, semicolon or tab
    between the cells. Rows without any text are skipped.

    Raises :class:`DataError` for a file that is missing, empty or no such table.
    """
    if not file.exists():
        raise DataError(f"{file}: there is no such manifest; check root and file")
    if file.is_dir():
        raise DataError(
            f"{file}: a folder, where a manifest (a CSV or Parquet file) is wanted; "
            'for a folder of images use the part "folder"'
        )
    return _read_parquet(file) if file.suffix.lower() == ".parquet" else _read_csv(file)


def write_table(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table by its suffix; a row has a cell for each column. A reader sees the old file or
    the whole new one.

    Raises :class:`DataError` for cells that would not read back: with white space at an end, of no
    valid Unicode, or that say that a value is missing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    write = _write_parquet if file.suffix.lower() == ".parquet" else _write_csv
    with replace_file(file) as staged:
        write(staged, columns, map(_readable, rows))


def _read_csv(file: Path) -> Table:
    records = _csv_records(file)
    first = next(records, None)
    if first is None:
        raise DataError(f"{file}: is empty; the first line must name the columns")
    return Table(tuple(cell.lower() for cell in first[1]), records)


def _csv_records(file: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """The rows that have any text, the header among them."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=_delimiter(header), strict=True)
            for raw in reader:
                cells = tuple(map(str.strip, raw))
                text = "".join(cells)
                if "\0" in text:
                    place = f"line {reader.line_num}"
                    raise DataError(f"{file}: {place}: holds a NUL byte: no text; save it as UTF-8")
                if text:
                    yield f"line {reader.line_num}", cells
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{file}: line {reader.line_num}: not CSV: {error}") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _read_parquet(file: Path) -> Table:
    pyarrow, parquet = _pyarrow(f"reading {file}")
    try:
        names = parquet.read_schema(file).names
    except (pyarrow.ArrowException, OSError) as error:
        raise _not_parquet(file, error) from error
    return Table(tuple(name.strip().lower() for name in names), _parquet_records(file))


def _parquet_records(file: Path) -> Iterator[tuple[str, Sequence[str]]]:
    pyarrow, parquet = _pyarrow(f"reading {file}")
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(_BATCH):
                for cells in zip(*map(_texts, batch.columns), strict=True):
                    number += 1
                    yield f"row {number}", cells
    except (pyarrow.ArrowException, OSError) as error:
        raise _not_parquet(file, error) from error


def _not_parquet(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: cannot be read as Parquet: {error}")


def _texts(column: Any) -> list[str]:
    """A column's cells; of few distinct values, each is made once."""
    pyarrow, _ = _pyarrow("reading Parquet")
    if pyarrow.types.is_nested(column.type):  # lists and the like have no dictionary
        return list(map(_text, column.to_pylist()))
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    words = [_text(word) for word in encoded.dictionary.to_pylist()]
    return ["" if at is None else words[at] for at in encoded.indices.to_pylist()]


def _text(cell: Any) -> str:
    """A cell as CSV would have it. Whole numbers lose the ``.0`` that a missing neighbour gave."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _readable(row: Sequence[str]) -> Sequence[str]:
    """The row, if reading would give it back."""
    for cell in row:
        if cell and not _reads_back(cell):
            raise DataError(_unreadable(cell))
    return row


@lru_cache(maxsize=1 << 16)
def _reads_back(cell: str) -> bool:
    return not _unreadable(cell)


def _unreadable(cell: str) -> str:
    """Why reading would not give a cell back; empty where it would."""
    if cell != cell.strip():
        return f"the name {cell!r} begins or ends with white space; rename it"
    if cell and is_missing(cell):
        return f"the name {cell!r} would read as a missing value; rename it"
    if not cell.isascii() and cell.encode(errors="ignore").decode() != cell:
        return f"the name {cell!r} is not valid Unicode; rename the file"
    return ""


def _write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _write_parquet(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    pyarrow, parquet = _pyarrow("writing Parquet")
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    stream = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while held := list(islice(stream, _BATCH)):
            arrays = dict(zip(columns, zip(*held, strict=True), strict=True))
            writer.write_table(pyarrow.table(arrays, schema=schema))


def _pyarrow(what: str) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(what, "parquet") from error
    return pyarrow, pyarrow.parquet
