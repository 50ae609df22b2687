"""Which files a command line means: files, folders and globs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from mfclip.errors import UsageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib"})
"""File names in a folder that count as images, in lower case."""


def find_images(patterns: Iterable[str]) -> Iterator[Path]:
    """Give the files that the patterns name, pattern by pattern.

    * A file is given as it is, whatever its name; also one that is missing, so that whoever
      opens it can report it.
    * A folder gives the images below it (by suffix, in any case), sorted; hidden files and
      folders are left out, links to folders are followed unless they lead back up. A folder
      that cannot be listed is given itself: opening it reports ``unreadable``.
    * A glob (``*``, ``?``, ``[...]``, ``**``) gives what it matches, sorted; a folder among the
      matches gives its images.

    Raises
    ------
    UsageError
        At once, before the first path: for a glob that matches nothing and a folder without
        images.
    """
    return chain.from_iterable([_expand(pattern) for pattern in patterns])


def walk_images(folder: Path) -> Iterator[Path]:
    """Images below a folder, sorted by name, folder after folder. See :func:`find_images`."""
    return _walk(folder, set())


def _expand(pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    if path.is_dir():
        return _some(walk_images(path), f"folder {pattern!r} holds no image")
    if os.path.lexists(path) or not glob.has_magic(pattern):
        return iter((path,))
    matches = map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207 - any root
    deep = "**" in pattern
    found = chain.from_iterable(_match(match, deep=deep) for match in matches)
    return _some(found, f"{pattern!r} matches no file")


def _match(path: Path, *, deep: bool) -> Iterator[Path]:
    """A file itself, a folder's images; ``**`` has matched the files inside a folder already."""
    if not path.is_dir():
        return iter((path,))
    return iter(()) if deep else walk_images(path)


def _some(paths: Iterator[Path], complaint: str) -> Iterator[Path]:
    """The same paths; an error at once where there is none."""
    first = next(paths, None)
    if first is None:
        looked = ", ".join(sorted(SUFFIXES))
        raise UsageError(f"{complaint} (looked for: {looked}); check the spelling")
    return chain((first,), paths)


def _walk(folder: Path, above: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        found = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    here = (found.st_dev, found.st_ino)
    if here in above:  # a link that leads back up
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {here})
        elif path.suffix.lower() in SUFFIXES:
            yield path
