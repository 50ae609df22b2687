"""Writing files and folders so that whoever reads them never finds half of one.

Everything is written beside its place, flushed to the disk, and moved there in the end. A full
disk, an exception or a killed process leaves what was there before.

A file is replaced by one rename, which is atomic. A folder takes two, because no portable call
swaps folders: the earlier one moves aside to ``.NAME.old``, then the new one takes its place.
A process killed between the two leaves no folder of that name but a complete ``.NAME.old``;
:func:`settled` finds it there, and the next :func:`replace_folder` moves it back before it
begins. One process at a time writes a folder: another is refused by :mod:`mfclip.locks`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from mfclip.locks import holding


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A path to write to; at the end of the block what was written there becomes ``path``.

    Something that is no regular file, such as ``/dev/null``, is written to directly.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        yield path
        return
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        yield staged
        sync(staged)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text stream whose content becomes ``path`` at the end of the block."""
    with replace_file(path) as staged, staged.open("w", encoding="utf-8", newline="") as stream:
        yield stream
        stream.flush()


def write_text(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Make ``content`` the content of ``path``."""
    with replace_file(path) as staged:
        staged.write_bytes(content)


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; at the end of the block it takes the place of ``folder``.

    All of the earlier folder goes, so check first that it holds nothing of somebody else's.
    Raises :class:`mfclip.errors.UsageError` where another process writes there.
    """
    with holding(folder):
        yield from _replaced(folder.resolve())


def _replaced(folder: Path) -> Iterator[Path]:
    _finish_earlier_swap(folder)
    staged = _beside(folder, "new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        yield staged
        _sync_tree(staged)
        _swap(folder, staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    _discard(_beside(folder, "old"))


def settled(folder: Path) -> Path:
    """Where the complete folder lies now: in its place, or aside after an interrupted swap."""
    aside = _beside(folder.resolve(), "old")
    return aside if aside.exists() and not folder.exists() else folder


def sync(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows gives no handle to flush a folder by
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(folder: Path, role: str) -> Path:
    return folder.with_name(f".{folder.name}.{role}")


def _finish_earlier_swap(folder: Path) -> None:
    aside = _beside(folder, "old")
    if not aside.exists():
        return
    if folder.exists():
        _discard(aside)
    else:
        aside.rename(folder)


def _swap(folder: Path, staged: Path) -> None:
    aside = _beside(folder, "old")
    if folder.exists():
        folder.rename(aside)
    try:
        staged.rename(folder)
    except BaseException:
        if aside.exists():
            aside.rename(folder)
        raise
    sync(folder.parent)


def _discard(folder: Path) -> None:
    """Remove a folder that was moved aside.

    It is renamed first: whatever is called ``.NAME.old`` must be complete at every moment.
    """
    if folder.exists():
        gone = folder.with_suffix(".gone")
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal. Raises :class:`OSError`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where data that can be made again are kept.

    ``MFCLIP_CACHE`` where that is set, else ``mfclip`` in the user's folder for caches (on Linux
    ``XDG_CACHE_HOME``, or ``~/.cache``).
    """
    own = os.environ.get("MFCLIP_CACHE")
    return Path(own).expanduser() if own else user_cache_path("mfclip", appauthor=False)
