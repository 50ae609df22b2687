"""Files that come with a data set: JSON, CSV and text lists, read with errors that name them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mfclip.errors import DataError
from mfclip_data.faults import Faults, beside, some


def read_json(file: Path) -> Any:
    """The content of a JSON file. Raises :class:`DataError`."""
    try:
        return json.loads(_text(file))
    except ValueError as error:
        raise DataError(f"{file}: not JSON: {error}") from error


def read_lines(file: Path) -> list[tuple[str, str]]:
    """Lines with text, each with where it stands. Raises :class:`DataError`."""
    lines = enumerate(_text(file).splitlines(), start=1)
    return [(f"{file}:{number}", line.strip()) for number, line in lines if line.strip()]


def read_csv(file: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that must have the columns. Raises :class:`DataError`."""
    reader = csv.DictReader(_text(file).splitlines())
    try:
        lacking = [name for name in columns if name not in (reader.fieldnames or ())]
        if lacking:
            found = ", ".join(reader.fieldnames or ()) or "none"
            raise DataError(f"{file}: column {', '.join(lacking)} is missing; there are: {found}")
        return [{key: (row[key] or "").strip() for key in columns} for row in reader]
    except csv.Error as error:
        raise DataError(f"{file}: line {reader.line_num}: not CSV: {error}") from error


def tell_absent(names: Iterable[str], present: Mapping[str, Any], of: str, faults: Faults) -> None:
    """One fault for all names of a list that have no video on disk."""
    absent = [name for name in names if name not in present]
    if absent:
        faults.missing(f"{of} names {len(absent)} videos that are not there: {some(absent, 5)}")


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{file}: there is no such file\n  {beside(file)}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    if "\0" in text:
        raise DataError(f"{file}: holds a NUL byte: no text")
    return text
