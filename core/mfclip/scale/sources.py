"""What is to be scored: images in folders and stores, or tables of paths or bytes (Parquet).

The order is that of the names, so the same source is cut into the same partitions at any time.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mfclip.data.film_names import FILM_SUFFIXES
from mfclip.data.finding import SUFFIXES, find_images
from mfclip.data.left_out import HIDDEN, LeftOut
from mfclip.errors import UsageError
from mfclip.exporting.packages import needed
from mfclip.scale.places import is_address, opened, without_options

TABLE = ".parquet"


class Entry(NamedTuple):
    """A file of the source."""

    name: str
    """As rows call it."""
    size: int
    """Bytes; -1 where it is not known."""
    changed: int
    """When, in nanoseconds; -1 where it is not known."""


class Fingerprint:
    """Of the files that a source has: their names, sizes and times of change, in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def passing(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries."""
        for entry in entries:
            name = os.fsencode(entry.name)
            self._digest.update(b"%d:%s:%d:%d\n" % (len(name), name, entry.size, entry.changed))
            yield entry

    def __str__(self) -> str:
        return self._digest.hexdigest()


class Source:
    """Files, folders, globs and addresses, as a command is given them.

    Raises
    ------
    UsageError
        Where tables and images are mixed, for options of several stores, and where nothing is
        there.
    """

    def __init__(self, names: Sequence[str]) -> None:
        split = [without_options(name) for name in names]
        self.names = [name for name, _ in split]
        options = {given for _, given in split if given}
        if len(options) > 1:
            raise UsageError(f"the addresses differ in their options: {', '.join(sorted(options))}")
        self.options = options.pop() if options else ""
        kinds = {self._is_table(name) for name in self.names}
        if len(kinds) != 1:
            raise UsageError("Parquet and images in one run: score them one after the other")
        relative = any(not is_address(name) and not Path(name).is_absolute() for name in self.names)
        self.folder = str(Path.cwd()) if relative else ""
        """Where relative paths begin; empty where there are none."""
        self.is_table = kinds.pop()
        """Whether the files are tables that name images, or hold them."""
        if not self.is_table:  # says at once where nothing is there
            find_images([name for name in self.names if not is_address(name)], films=True)

    def entries(self, left_out: LeftOut) -> Iterator[Entry]:
        """Every image, or every table. The names of one folder at a time are in memory.

        ``left_out`` counts what is not given: other files, hidden ones.
        """
        wanted = frozenset({TABLE}) if self.is_table else SUFFIXES | FILM_SUFFIXES
        for name in self.names:
            if is_address(name):
                yield from self._in_store(name, wanted, left_out)
            elif self.is_table:
                yield from _here(_tables(name))
            else:
                yield from _here(find_images([name], left_out, films=True))

    def _is_table(self, name: str) -> bool:
        """A file called ``.parquet``, or a folder that holds one."""
        if name.lower().endswith(TABLE):
            return True
        if not is_address(name):
            folder = Path(name)
            return folder.is_dir() and any(one.suffix.lower() == TABLE for one in folder.iterdir())
        return any(info.path.lower().endswith(TABLE) for info in self._listed(name))

    def _listed(self, address: str) -> list[Any]:
        """What is right in a folder of a store, sorted by name; nothing where it is none."""
        _, files = needed("ray", "reading files of a store", "pyarrow", "pyarrow.fs")
        system, path = opened(address, self.options)
        found = system.get_file_info(files.FileSelector(path, allow_not_found=True))
        return sorted(found, key=lambda info: str(info.base_name))

    def _in_store(self, address: str, wanted: frozenset[str], left_out: LeftOut) -> Iterator[Entry]:
        """As :func:`mfclip.data.finding.find_images`, but told by names alone.

        Looking into every object would cost a request each.
        """
        _, files = needed("ray", "reading files of a store", "pyarrow", "pyarrow.fs")
        system, path = opened(address, self.options)
        (info,) = system.get_file_info([path])
        if info.type == files.FileType.File:
            return iter((_entry(address, info),))
        found = self._walk(address, wanted, left_out)
        first = next(found, None)
        if first is None:
            kind = "Parquet file" if self.is_table else "image (told by name)"
            seen = f"; left out: {left_out}" if left_out else ""
            raise UsageError(f"{address} holds no {kind}{seen}; check the spelling")
        return chain((first,), found)

    def _walk(self, address: str, wanted: frozenset[str], left_out: LeftOut) -> Iterator[Entry]:
        _, files = needed("ray", "reading files of a store", "pyarrow", "pyarrow.fs")
        for info in self._listed(address):
            name = f"{address.rstrip('/')}/{info.base_name}"
            if info.base_name.startswith(".") or (self.is_table and info.base_name[:1] == "_"):
                left_out.add(Path(name), HIDDEN)
            elif info.type == files.FileType.Directory:
                yield from self._walk(name, wanted, left_out)
            elif Path(info.base_name).suffix.lower() in wanted:
                yield _entry(name, info)
            else:
                left_out.add(Path(name))


def _entry(name: str, info: Any) -> Entry:
    size = -1 if info.size is None else int(info.size)
    return Entry(name, size, -1 if info.mtime_ns is None else int(info.mtime_ns))


def _here(paths: Iterable[Path]) -> Iterator[Entry]:
    for path in paths:
        try:
            found = path.stat()
        except (OSError, ValueError):  # whoever opens it reports it
            yield Entry(str(path), -1, -1)
        else:
            yield Entry(str(path), found.st_size, found.st_mtime_ns)


def _tables(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_dir():
        inner = (one for one in path.rglob("*") if one.suffix.lower() == TABLE)
        found = [one for one in inner if one.is_file() and not _hidden(one.relative_to(path))]
    elif path.exists():
        found = [path]
    else:
        found = [Path(one) for one in glob.glob(name, recursive=True)]  # noqa: PTH207 - any root
    if not found:
        raise UsageError(f"{name}: there is no Parquet file; check the spelling")
    return iter(sorted(found))


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)
