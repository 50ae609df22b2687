"""The manifest: one table that names every image and its label.

Columns ``path`` and ``label`` are required; ``forgery``, ``family``, ``generator``, ``split``,
``identity``, ``group`` and ``video`` are optional. Further columns are kept as text, for parts that
make inputs of them (:attr:`Row.further`), and mean nothing else. An optional
cell that says ``nan``, ``NA``, ``None`` or ``null`` is a missing value, as an empty one is.
Paths are POSIX and relative to the manifest's root; absolute ones are taken as they are, ``..`` is
refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mfclip.data.bulk import no_collections
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.rows import COLUMNS, Record, RowCheck, check_header
from mfclip.data.rows import SPLITS as SPLITS
from mfclip.data.rows import Split as Split
from mfclip.data.tables import read_table, write_table
from mfclip.errors import DataError

NAMED_SPLITS: tuple[Split, Split, Split] = ("train", "val", "test")
"""The splits of a data set, in their order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One image."""

    path: Path
    """As the manifest gives it: relative to its root, or absolute. See :meth:`Manifest.file`."""
    label: HierarchicalLabel
    """All four levels."""
    split: Split = ""
    """Which part of the data it belongs to."""
    identity: str = ""
    """Images that share an identity may not be in two splits. Empty: not known."""
    group: str = ""
    """Images that went through one pipeline. Figures inside a group are clean."""
    video: str = ""
    """The video that a frame is of, unique across manipulations. Empty: a still image."""
    further: tuple[tuple[str, str], ...] = ()
    """Columns beyond these with their text, such as ``("mask", "masks/0001.png")``."""

    @property
    def is_fake(self) -> bool:
        """Whether its label says fake."""
        return self.label.is_fake

    @property
    def unit(self) -> tuple[str, str]:
        """What it depends on: its identity, else its video; a still image stands alone.

        Rows of one unit stay in one split, and are drawn together where intervals are computed.
        """
        if self.identity:
            return "identity", self.identity
        return ("video", self.video) if self.video else ("image", self.path.as_posix())

    def in_split(self, name: Split) -> Row:
        """The same image in another split."""
        names = (self.identity, self.group, self.video)
        return Row(self.path, self.label, name, *names, self.further)

    def cells(self) -> dict[str, str]:
        """The row by column name."""
        return dict(zip(COLUMNS, self.texts(), strict=True))

    def texts(self) -> tuple[str, ...]:
        """What it says in each of :data:`mfclip.data.rows.COLUMNS`."""
        levels = self.label
        return (
            *(self.path.as_posix(), levels.label, levels.forgery, levels.family),
            *(levels.generator, self.split, self.identity, self.group, self.video),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """Images and their labels, in the order of the table."""

    root: Path
    """Folder that relative paths start from."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What reading it had to decide, for people."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def file(self, row: Row) -> Path:
        """Where the image of a row lies."""
        return self.root / row.path

    def files(self) -> tuple[Path, ...]:
        """Where the images lie, one a row."""
        return tuple(self.root / row.path for row in self.rows)

    def of_split(self, name: Split) -> Manifest:
        """Only the rows of one split, in their order; may be empty."""
        return replace(self, rows=tuple(row for row in self.rows if row.split == name))

    def labels(self) -> tuple[HierarchicalLabel, ...]:
        """The distinct labels, sorted."""
        objects = {id(row.label): row.label for row in self.rows}  # quicker than hashing each
        return tuple(sorted(set(objects.values())))

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the sorted rows and the sizes of their files.

        The order of the rows, the place of the root and further columns do not count. Contents are
        not read: a file edited in place to the same length keeps the fingerprint.
        """
        root, digest = str(self.root), hashlib.sha256()
        lines = (repr(_printed(row, _size(root, row.path))) for row in self.rows)
        for line in sorted(lines):
            digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
        return digest.hexdigest()


def read_manifest(file: Path, root: Path | None = None) -> Manifest:
    """Read a CSV or Parquet table (by its suffix; anything but ``.parquet`` is CSV).

    Parameters
    ----------
    root
        Folder that relative paths start from; without it, the folder of ``file``.

    Raises
    ------
    DataError
        With everything wrong in the table at once, each with its line.
    MissingExtraError
        For Parquet, where pyarrow is not installed.
    """
    table = read_table(file)
    check_header(file, table.columns)
    check = RowCheck(file, table.columns)
    with no_collections():
        rows = tuple(map(_row, check.sound(table.records)))
    if not rows:
        raise DataError(f"{file}: names no image; give one row for each image")
    return Manifest(file.parent if root is None else root, rows, check.notes)


def write_manifest(manifest: Manifest, file: Path) -> None:
    """Write all columns, as CSV or Parquet by the suffix. An existing file is replaced at once.

    Further columns follow the known ones; rows without one have an empty cell there.

    Paths are written as the rows give them, so read it back with ``root=manifest.root`` unless
    ``file`` lies in that root.
    """
    further = tuple(dict.fromkeys(name for row in manifest.rows for name, _ in row.further))
    blank = dict.fromkeys(further, "")
    cells = (
        (*row.texts(), *({**blank, **dict(row.further)}.values() if further else ()))
        for row in manifest.rows
    )
    write_table(file, (*COLUMNS, *further), cells)


def _row(cells: Record) -> Row:
    path, label, split, identity, group, video, further = cells
    return Row(Path(path), label, split, identity, group, video, further)


def _printed(row: Row, size: int) -> tuple[str | int, ...]:
    """What a fingerprint says of a row. Still images have it as before there were videos."""
    *cells, video = row.texts()
    return (*cells, size, video) if video else (*cells, size)


def _size(root: str, path: Path) -> int:
    """Bytes; -1 for a file that is not there. Of a million files, paths as text save half."""
    try:
        return os.stat(os.path.join(root, path)).st_size  # noqa: PTH116, PTH118
    except OSError:
        return -1
