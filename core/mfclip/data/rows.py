"""Checks of a manifest's header and rows: everything wrong is told at once, with its line."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from mfclip.data.labels import LABELS
from mfclip.data.tables import is_missing
from mfclip.errors import DataError

COLUMNS = (
    *("path", "label", "forgery", "family", "generator"),
    *("split", "identity", "group", "video"),
)
"""Every column that has a meaning; written in this order, further ones after them."""
REQUIRED = ("path", "label")
OPTIONAL = tuple(name for name in COLUMNS if name not in REQUIRED)
_SPLITS = ("train", "val", "test")
_ALIKE = 0.73
"""Similarity from which an unknown column counts as a known one misspelt."""
_SHOWN = 20
"""Problems that are spelt out; the rest is counted."""


def check_header(file: Path, columns: Sequence[str]) -> None:
    """Raise :class:`DataError` for columns that are missing, misspelt or named twice."""
    problems = [*_twice(columns), *_misspelt(columns)]
    if not problems:
        problems = [f"column {name!r} is missing" for name in REQUIRED if name not in columns]
    if problems:
        found = ", ".join(map(repr, columns))
        told = "\n".join(f"{file}: {problem}" for problem in problems)
        raise DataError(f"{told}\n  found columns: {found}\n  known columns: {', '.join(COLUMNS)}")


class CheckedRows(NamedTuple):
    """What a table holds."""

    rows: list[dict[str, str]]
    """The cells of each row, known ones in one spelling and first; empty where one lacks."""
    notes: tuple[str, ...]
    """What was taken for a missing value."""


def check_rows(
    file: Path, columns: Sequence[str], records: Iterable[tuple[str, Sequence[str]]]
) -> CheckedRows:
    """Check every row. In the optional columns, ``nan`` and the like are missing values.

    Raises :class:`DataError` that lists every problem of every row.
    """
    rows: list[dict[str, str]] = []
    blanks: Counter[tuple[str, str]] = Counter()
    problems: list[str] = []
    seen: dict[str, str] = {}
    for place, cells in records:
        row = _named(columns, cells)
        blanks.update(_blank(row))
        wrong = [*_count(columns, cells), *_normalise(row), *_repeated(row["path"], place, seen)]
        problems += (f"{file}: {place}: {problem}" for problem in wrong)
        rows.append(row)
    if problems:
        raise DataError(_told(problems))
    return CheckedRows(rows, tuple(_notes(blanks)))


def _blank(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Empty the cells that stand for nothing; yields column and text of each."""
    for name in OPTIONAL:
        if row[name] and is_missing(row[name]):
            yield name, row[name]
            row[name] = ""


def _notes(blanks: Counter[tuple[str, str]]) -> Iterator[str]:
    for (column, text), count in blanks.items():
        cells = "1 cell" if count == 1 else f"{count} cells"
        yield f"column {column}: {cells} with {text!r} taken as missing values"


def _twice(columns: Sequence[str]) -> Iterator[str]:
    for name in COLUMNS:
        if columns.count(name) > 1:
            yield f"column {name!r} is there {columns.count(name)} times; keep one"


def _misspelt(columns: Sequence[str]) -> Iterator[str]:
    """A known column that is absent while another looks like it; other extra columns are fine."""
    absent = [name for name in COLUMNS if name not in columns]
    for column in columns:
        if column.startswith("video_"):  # video_id, video_name: read past before there was "video"
            continue
        near = difflib.get_close_matches(column, absent, n=1, cutoff=_ALIKE)
        if column not in COLUMNS and near:
            yield f"unknown column {column!r}; did you mean {near[0]!r}?"


def _named(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The known columns, then the further ones, whose cells nobody here looks into."""
    given = dict(zip(columns, cells, strict=False))
    return {name: given.get(name, "") for name in (*COLUMNS, *_further(columns))}


def _further(columns: Sequence[str]) -> Iterator[str]:
    return (name for name in columns if name and name not in COLUMNS)


def _count(columns: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
    if len(cells) > len(columns):
        yield (
            f"{len(cells)} cells, but the header names {len(columns)} columns; "
            "put quotes around a cell that holds a comma"
        )


def _normalise(row: dict[str, str]) -> Iterator[str]:
    """Bring path, label and split into their one spelling; yield what cannot be."""
    row["label"], row["split"] = row["label"].lower(), row["split"].lower()
    if row["label"] not in LABELS:
        yield f"label {row['label']!r} is not one of: real, fake"
    if row["split"] not in ("", *_SPLITS):
        yield f"split {row['split']!r} is not one of: train, val, test, or empty"
    problem = _wrong_path(row["path"])
    if problem:
        yield problem
    else:
        row["path"] = PurePosixPath(row["path"]).as_posix()


def _wrong_path(path: str) -> str | None:
    if is_missing(path):
        return f"path is missing: {path!r}" if path else "path is empty"
    if "\\" in path:
        return f"path {path!r} has back-slashes; write {PureWindowsPath(path).as_posix()!r}"
    if ".." in PurePosixPath(path).parts:
        return f"path {path!r} leaves the root with '..'; set root to a folder above all images"
    return None


def _repeated(path: str, place: str, seen: dict[str, str]) -> Iterator[str]:
    if path and seen.setdefault(path, place) != place:
        yield f"path {path!r} was already named in {seen[path]}"


def _told(problems: Sequence[str]) -> str:
    lines = list(problems[:_SHOWN])
    if len(problems) > _SHOWN:
        lines.append(f"... and {len(problems) - _SHOWN} more problems")
    return "\n".join(lines)
