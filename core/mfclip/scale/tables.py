"""Parquet: tables of inputs that are read, and of scores that are written."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mfclip.errors import DataError
from mfclip.exporting.packages import needed
from mfclip.inference.rows import Row
from mfclip.scale.places import is_address, opened

KEY = b"mfclip"
"""Of what a table of scores says of itself."""


class Columns(NamedTuple):
    """What a table of inputs holds."""

    path: str | None
    """Names of files; None: rows are called after the table."""
    pixels: str | None
    """Bytes of image files, or a struct with ``bytes``; None: the files are read."""


LISTED = Columns("path", None)
"""Of the tables that a plan makes itself."""


class Item(NamedTuple):
    """One input."""

    name: str
    """As its row calls it: a path or an address; without one, the table's and the row's number."""
    content: bytes | None = None
    """The file's bytes; None: it is read by its name."""


_PIXELS = ("bytes", "image")
NUMBERS = frozenset({"p_fake", "threshold", "face_score", "picture_p_fake"}) | {
    *("left", "top", "right", "bottom")
}
COUNTS = frozenset({"face", "faces"})


def parquet_library() -> tuple[Any, Any]:
    """pyarrow and its Parquet. Raises :class:`mfclip.errors.MissingExtraError`."""
    arrow, parquet = needed("ray", "scoring on Ray", "pyarrow", "pyarrow.parquet")
    return arrow, parquet


@contextmanager
def open_table(name: str, options: str = "", folder: str = "") -> Iterator[Any]:
    """A Parquet file, opened: ``pyarrow.parquet.ParquetFile``.

    Raises :class:`DataError` where it is none, or cannot be read.
    """
    arrow, parquet = parquet_library()
    system, path = opened(name, options, folder)
    try:
        with system.open_input_file(path) as stream, parquet.ParquetFile(stream) as table:
            yield table
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{name}: cannot be read as Parquet: {error}") from error


def columns_of(schema: Any, name: str) -> Columns:
    """What a table holds, by its schema.

    ``bytes`` or ``image``: image files, as binary or as a struct with ``bytes`` (which is how
    Hugging Face writes them). ``path``: names of files. Raises :class:`DataError` for neither.
    """
    pixels = [one for one in _PIXELS if one in schema.names and _holds_bytes(schema, one)]
    path = "path" if "path" in schema.names else None
    if path is None and not pixels:
        raise DataError(
            f"{name} names no images and holds none; allowed: a column path, or a binary column "
            f"bytes or image (or a struct of bytes); got: {', '.join(schema.names) or 'no column'}"
        )
    if path is not None and not _is_name(schema.field(path).type):
        raise DataError(f"{name}: the column path is of {schema.field(path).type}, not of text")
    return Columns(path, pixels[0] if pixels else None)


def _holds_bytes(schema: Any, name: str) -> bool:
    arrow, _ = parquet_library()
    kind = schema.field(name).type
    if arrow.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind))


def _is_name(kind: Any) -> bool:
    arrow, _ = parquet_library()
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    texts = (*("is_string", "is_large_string", "is_binary", "is_large_binary"), "is_string_view")
    return any(getattr(arrow.types, text)(kind) for text in texts)


def read_items(
    table: Any, name: str, columns: Columns, start: int, count: int, *, listed: bool
) -> Iterator[Item]:
    """Some rows of an opened table, a few at a time: row groups before them are passed by.

    Names in a table of somebody's are relative to its folder; ``listed``: in the plan's own they
    are as they are.
    """
    groups, before = _groups(table.metadata, start, start + count)
    wanted = [column for column in columns if column is not None]
    at = 32 if columns.pixels else 2048
    place = before
    for batch in table.iter_batches(at, row_groups=groups, columns=wanted, use_threads=False):
        end = place + batch.num_rows
        if end > start:
            first, last = max(start, place), min(start + count, end)
            rows = batch.slice(first - place, last - first).to_pylist()
            for number, row in enumerate(rows, first):
                item = item_of(row, columns, name, number)
                yield item if listed else _beside(name, item)
        place = end
        if place >= start + count:
            return


def _groups(metadata: Any, start: int, end: int) -> tuple[list[int], int]:
    """Row groups that hold rows of a range, and the number of the first row in them."""
    groups: list[int] = []
    place = before = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if place + rows > start and place < end:
            before = before if groups else place
            groups.append(group)
        place += rows
    return groups, before


def item_of(row: Mapping[str, Any], columns: Columns, table: str, number: int) -> Item:
    """One row's input; where it has no name, it is called after the table and the row."""
    cell = row[columns.path] if columns.path else None
    content = None
    if columns.pixels:
        found = row[columns.pixels]
        if isinstance(found, dict):
            cell, found = cell or found.get("path"), found["bytes"]
        content = found or b""
    return Item(os.fsdecode(cell) if cell else f"{table}#{number}", content)


def _beside(table: str, item: Item) -> Item:
    """The input of a relative path, from the table's folder on; any other as it is."""
    if item.content is not None or is_address(item.name) or item.name.startswith(f"{table}#"):
        return item
    if is_address(table):
        return Item(f"{table.rpartition('/')[0]}/{item.name.lstrip('/')}")
    return Item(str(Path(table).parent / item.name))


def scores_table(
    rows: Sequence[Row], columns: Sequence[str], note: Mapping[str, Any] | None = None
) -> Any:
    """Rows of scores as an Arrow table, with what is noted of it as its metadata."""
    arrow, _ = parquet_library()
    kinds = [
        arrow.float64() if one in NUMBERS else arrow.int32() if one in COUNTS else arrow.string()
        for one in columns
    ]
    marks = None if note is None else {KEY: json.dumps(note, sort_keys=True).encode()}
    schema = arrow.schema(list(zip(columns, kinds, strict=True)), metadata=marks)
    return arrow.Table.from_pylist(list(rows), schema=schema)


def bytes_of(tables: Iterable[Any]) -> bytes:
    """A Parquet file with a row group a table."""
    _, parquet = parquet_library()
    stream, writer = io.BytesIO(), None
    for table in tables:
        writer = writer or parquet.ParquetWriter(stream, table.schema)
        writer.write_table(table, row_group_size=max(1, table.num_rows))
    if writer is not None:
        writer.close()
    return stream.getvalue()


def shown(name: str) -> str:
    """A name as text: bytes that are no UTF-8 as escapes, because Parquet holds only UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
