"""Files by their names, on this machine or in a store that one of pyarrow's file systems reaches.

A name with ``://`` is an address (``s3://bucket/key``, ``gs://``, ``abfs://``, ``hdfs://``,
``file:///``); any other is a path on this machine. What stands after a ``?`` in the address that a
command is given are options of the file system, such as ``endpoint_override``; they are part of no
file's name and are written nowhere.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mfclip.errors import UsageError
from mfclip.exporting.packages import needed
from mfclip.files import write_bytes

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WHOLE = frozenset({"s3", "gcs", "abfs"})
"""File systems in which an object appears when it is complete, and not before."""


def is_address(name: str) -> bool:
    """Whether a name is of a store, and not of a path on this machine."""
    return _ADDRESS.match(name) is not None


def without_options(name: str) -> tuple[str, str]:
    """An address and the options after its ``?``; a path as it is.

    Raises :class:`UsageError` for an address with a password in it: names are written to the rows.
    """
    if not is_address(name):
        return name, ""
    address, _, options = name.partition("?")
    if "@" in address.split("/")[2]:
        raise UsageError(
            "an address with credentials in it would be written into every row; give them as the "
            "store's own environment variables or files do (AWS_ACCESS_KEY_ID, ...)"
        )
    named = address.split("://", 1)[1].strip("/")
    return address.rstrip("/") if named else address, options


def opened(name: str, options: str = "", folder: str = "") -> tuple[Any, str]:
    """The file system of a name, and what the file is called there.

    ``folder``: where relative paths begin. Raises :class:`UsageError` for a store that there is no
    file system for, :class:`OSError` for one that cannot be reached.
    """
    if not is_address(name):
        return _file_system("", ""), str(Path(folder) / name)
    scheme, _, rest = name.partition("://")
    host, _, path = rest.partition("/")
    system, base = _file_system(f"{scheme}://{host}/", options)
    return system, f"{base.rstrip('/')}/{path}".rstrip("/") or "/"


@lru_cache(maxsize=64)
def _file_system(root: str, options: str) -> Any:
    arrow, files = needed("ray", "reading files of a store", "pyarrow", "pyarrow.fs")
    if not root:
        return files.LocalFileSystem()
    try:
        return files.FileSystem.from_uri(f"{root}?{options}" if options else root)
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError) as error:
        raise UsageError(
            f"{root}: no file system of this installation reads it ({error}); allowed: paths, and "
            "addresses of s3, gs, abfs, hdfs and file"
        ) from error


@dataclass(frozen=True)
class Place:
    """A folder to write to. A file in it is there as a whole or not at all."""

    address: str
    """An absolute path, or an address without its options."""
    options: str = ""

    @classmethod
    def of(cls, name: str) -> Place:
        """The folder of a name as a command is given it. Raises :class:`UsageError`."""
        address, options = without_options(name)
        return cls(address if is_address(address) else str(Path(address).absolute()), options)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, or on a disk that is mounted like one."""
        return not is_address(self.address)

    def file(self, name: str) -> str:
        """Path or address of a file in it."""
        return f"{self.address.rstrip('/')}/{name}"

    def names(self, below: str = "") -> list[str]:
        """Of files and folders right in it, or in a folder below it; none where it is not there."""
        _, files = needed("ray", "reading files of a store", "pyarrow", "pyarrow.fs")
        system, path = self._opened(below)
        found = system.get_file_info(files.FileSelector(path, allow_not_found=True))
        return [info.base_name for info in found]

    def read(self, name: str) -> bytes | None:
        """A file's content; None where there is no such file."""
        system, path = self._opened(name)
        try:
            with system.open_input_stream(path) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes) -> None:
        """Make ``content`` a file's content: at once in an object store, by a rename elsewhere."""
        if self.is_local:
            file = Path(self.file(name))
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content)
            return
        system, path = self._opened(name)
        if system.type_name in _WHOLE:
            _write(system, path, content)
            return
        folder, _, last = path.rpartition("/")
        system.create_dir(folder, recursive=True)
        staged = f"{folder}/.{last}.{secrets.token_hex(4)}.new"
        _write(system, staged, content)
        system.move(staged, path)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        system, path = self._opened(name)
        try:
            system.delete_file(path)
        except FileNotFoundError:
            return

    def _opened(self, name: str) -> tuple[Any, str]:
        return opened(self.file(name) if name else self.address, self.options)


def _write(system: Any, path: str, content: bytes) -> None:
    with system.open_output_stream(path) as stream:
        stream.write(content)
