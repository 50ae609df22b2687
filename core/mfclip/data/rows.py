"""Checks of a manifest's header and rows: everything wrong is told at once, with its line."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, NamedTuple, get_args

from mfclip.data.labels import LABELS, HierarchicalLabel
from mfclip.data.tables import is_missing
from mfclip.errors import DataError

COLUMNS = (
    *("path", "label", "forgery", "family", "generator"),
    *("split", "identity", "group", "video"),
)
"""Every column that has a meaning; written in this order, further ones after them."""
REQUIRED = ("path", "label")
OPTIONAL = tuple(name for name in COLUMNS if name not in REQUIRED)
Split = Literal["", "train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""Empty where the data name no split."""
_KIND = ("label", "forgery", "family", "generator", "split")
"""Columns of few distinct values: what many rows share is checked once."""
_NAMES = ("identity", "group", "video")
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


class Record(NamedTuple):
    """The cells of a sound row, known ones in one spelling; empty where one lacks."""

    path: str
    """POSIX."""
    label: HierarchicalLabel
    """One object for all rows of the same label."""
    split: Split
    identity: str
    group: str
    video: str
    further: tuple[tuple[str, str], ...]
    """The other columns, whose cells nobody here looks into."""


class RowCheck:
    """Checks the rows of one table as they come; each cell that many rows share once.

    In the optional columns, ``nan`` and the like are missing values.
    """

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        self._file, self._columns = file, tuple(columns)
        at = {name: place for place, name in enumerate(columns)}
        absent = len(columns)  # an empty cell is put there
        self._kind_cells = itemgetter(*(at.get(name, absent) for name in _KIND))
        self._name_cells = itemgetter(*(at.get(name, absent) for name in ("path", *_NAMES)))
        self._further = [(name, at[name]) for name in _further(columns)]
        self._kinds, self._names = _Kinds(), _Names()
        self._seen: dict[str, str] = {}
        self._blanks: Counter[tuple[str, str]] = Counter()
        self._problems: list[str] = []
        self._unsound = 0

    def sound(self, records: Iterable[tuple[str, Sequence[str]]]) -> Iterator[Record]:
        """The rows in which nothing is wrong, one by one.

        Raises :class:`DataError` at the end, with the problems of all the others.
        """
        for place, cells in records:
            record = self._record(place, cells)
            if record is not None:
                yield record
        if self._problems:
            raise DataError(self._told())

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for a missing value."""
        return tuple(_notes(self._blanks))

    def _record(self, place: str, cells: Sequence[str]) -> Record | None:
        width, problems = len(self._columns), []
        if len(cells) > width:
            problems = [_too_many(cells, width)]
        padded = (*cells[:width], *[""] * max(1, width + 1 - len(cells)))
        kind = self._kinds[self._kind_cells(padded)]
        path, *texts = self._name_cells(padded)
        names = [self._names[text] for text in texts]
        identity, group, video = names
        if kind.blanks or names != texts:
            self._count_blanks(kind, texts)
        path, wrong = (path, []) if _is_plain(path) else _normal(path)
        if kind.problems or wrong:
            problems = [*problems, *kind.problems, *wrong]
        first = self._seen.setdefault(path, place)
        if first != place and path:
            problems = [*problems, f"path {path!r} was already named in {first}"]
        if problems:
            self._refuse(place, problems)
            return None
        further = tuple((name, padded[at]) for name, at in self._further) if self._further else ()
        return Record(path, kind.label, kind.split, identity, group, video, further)

    def _count_blanks(self, kind: _Kind, texts: Sequence[str]) -> None:
        self._blanks.update(kind.blanks)
        for column, text in zip(_NAMES, texts, strict=True):
            if text and not self._names[text]:
                self._blanks[column, text] += 1

    def _refuse(self, place: str, problems: Sequence[str]) -> None:
        self._unsound += len(problems)
        room = _SHOWN - len(self._problems)
        self._problems += [f"{self._file}: {place}: {one}" for one in problems[:room]]

    def _told(self) -> str:
        more = self._unsound - len(self._problems)
        return "\n".join([*self._problems, *([f"... and {more} more problems"] if more else [])])


class _Kind(NamedTuple):
    """What the cells that many rows share come to."""

    label: HierarchicalLabel
    split: Split
    problems: tuple[str, ...]
    blanks: tuple[tuple[str, str], ...]
    """Column and text of the cells that stand for nothing."""


class _Kinds(dict[tuple[str, ...], _Kind]):
    """By the cells of :data:`_KIND`."""

    def __missing__(self, cells: tuple[str, ...]) -> _Kind:
        return self.setdefault(cells, _kind(cells))


class _Names(dict[str, str]):
    """One object for all equal names; empty for a text that stands for nothing."""

    def __missing__(self, text: str) -> str:
        return self.setdefault(text, "" if is_missing(text) else text)


def _kind(cells: Sequence[str]) -> _Kind:
    given = dict(zip(_KIND, cells, strict=True))
    blanks = tuple((k, v) for k, v in given.items() if k != "label" and v and is_missing(v))
    given |= dict.fromkeys((name for name, _ in blanks), "")
    label, split = given["label"].lower(), given["split"].lower()
    problems = []
    if label not in LABELS:
        problems.append(f"label {label!r} is not one of: real, fake")
    if split not in SPLITS:
        problems.append(f"split {split!r} is not one of: train, val, test, or empty")
    levels = (given["forgery"], given["family"], given["generator"])
    return _Kind(
        HierarchicalLabel("fake" if label == "fake" else "real", *levels),
        next((name for name in SPLITS if name == split), ""),
        tuple(problems),
        blanks,
    )


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


def _further(columns: Sequence[str]) -> Iterator[str]:
    return (name for name in dict.fromkeys(columns) if name and name not in COLUMNS)


def _too_many(cells: Sequence[str], width: int) -> str:
    return (
        f"{len(cells)} cells, but the header names {width} columns; "
        "put quotes around a cell that holds a comma"
    )


def _is_plain(path: str) -> bool:
    """Whether a path is sound and in its one spelling for certain; most are."""
    odd = "\\" in path or "//" in path or "/." in path or path.startswith(".")
    return not (odd or path.endswith("/") or is_missing(path))


def _normal(path: str) -> tuple[str, list[str]]:
    """A path in its one spelling; with what is wrong with it, it stays as it is."""
    wrong = _wrong_path(path)
    return (path, [wrong]) if wrong else (PurePosixPath(path).as_posix(), [])


def _wrong_path(path: str) -> str | None:
    if is_missing(path):
        return f"path is missing: {path!r}" if path else "path is empty"
    if "\\" in path:
        return f"path {path!r} has back-slashes; write {PureWindowsPath(path).as_posix()!r}"
    if ".." in PurePosixPath(path).parts:
        return f"path {path!r} leaves the root with '..'; set root to a folder above all images"
    return None
