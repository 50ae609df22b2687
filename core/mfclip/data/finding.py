"""Which files a command line means: files, folders and globs."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from mfclip.data.film_names import is_film
from mfclip.data.left_out import FOLDERS, HIDDEN, SPECIAL, LeftOut
from mfclip.data.signatures import DECODED, HEAD, sniff
from mfclip.errors import DataError, UsageError

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".webp"),
        *(".bmp", ".dib", ".gif", ".tif", ".tiff", ".ico"),
        *(".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"),
        *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm"),
    }
)
"""File names in a folder that count as images whatever is in them, in lower case."""

IMAGES = DECODED | frozenset(
    {
        *("JPEG XL", "JPEG XR", "PSD", "XCF", "QOI", "DDS", "OpenEXR", "Radiance HDR", "ICNS"),
        *("BPG", "FLIF", "PNM", "CUR"),
        *(f"camera raw ({kind})" for kind in ("ORF", "RW2", "CR2", "RAF", "CR3")),
    }
)
"""Formats, in the names of :func:`mfclip.data.signatures.sniff`, by which a file counts as an
image whatever its name. One that is not decoded is given all the same, so that it is reported."""


def find_images(
    patterns: Iterable[str], left_out: LeftOut | None = None, *, films: bool = False
) -> Iterator[Path]:
    """Give the files that the patterns name, pattern by pattern.

    * A file is given as it is, whatever its name; also one that is missing, so that whoever
      opens it can report it.
    * A folder gives the images below it, sorted: what is called like one (by suffix, in any
      case), and what begins like one. Hidden files and folders are left out, links to folders
      are followed unless they lead back up. A folder that cannot be listed is given itself, as
      is a file that might be an image and cannot be opened: opening them reports ``unreadable``.
    * A glob (``*``, ``?``, ``[...]``, ``**``) gives what it matches, sorted; a folder among the
      matches gives its images.

    Parameters
    ----------
    left_out
        Counts, while the paths are taken, everything in the folders that is not given.
    films
        Give the films of a folder as well: by their first bytes, else by their names.

    Raises
    ------
    UsageError
        At once, before the first path: for a glob that matches nothing and a folder without
        images.
    """
    count = LeftOut() if left_out is None else left_out
    return chain.from_iterable([_expand(pattern, count, films) for pattern in patterns])


def walk_images(folder: Path, left_out: LeftOut | None = None) -> Iterator[Path]:
    """Images below a folder, sorted by name, folder after folder. See :func:`find_images`."""
    return _walk(folder, set(), LeftOut() if left_out is None else left_out, films=False)


def require_all(patterns: Iterable[str], *, films: bool = False) -> None:
    """Go through the folders once, before any work.

    Raises
    ------
    DataError
        Where anything in them would be left out; by kind, with an example of each.
    UsageError
        As :func:`find_images`.
    """
    left_out = LeftOut()
    for _ in find_images(patterns, left_out, films=films):
        pass
    if left_out:
        raise DataError(
            f"strict: not everything in the folders is an image:\n{left_out.with_examples()}\n"
            "  move these away, name the images themselves, or run without --strict"
        )


def is_image(path: Path, left_out: LeftOut) -> bool:
    """Whether a file of a folder counts as an image, by its name or its first bytes.

    What does not is counted. A file that cannot be opened might be one, and is.
    """
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        head = _head(path)
    except OSError:
        return True
    if head is None:
        left_out.add(path, FOLDERS if path.is_dir() else SPECIAL)
    elif sniff(head) not in IMAGES:
        left_out.add(path)
    else:
        return True
    return False


def _head(path: Path) -> bytes | None:
    """First bytes; None for what is no regular file: opening a pipe would wait."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not stat.S_ISREG(mode):
        return None
    with path.open("rb", buffering=0) as stream:
        return stream.read(HEAD)


def _expand(pattern: str, left_out: LeftOut, films: bool) -> Iterator[Path]:
    path = Path(pattern)
    if path.is_dir():
        found = _walk(path, set(), left_out, films=films)
        return _some(found, f"folder {pattern!r} holds no image", left_out)
    if os.path.lexists(path) or not glob.has_magic(pattern):
        return iter((path,))
    matches = map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207 - any root
    deep = "**" in pattern
    found = chain.from_iterable(
        _match(match, left_out, deep=deep, films=films) for match in matches
    )
    return _some(found, f"{pattern!r} matches no file", left_out)


def _match(path: Path, left_out: LeftOut, *, deep: bool, films: bool) -> Iterator[Path]:
    """A file itself, a folder's images; ``**`` has matched the files inside a folder already."""
    if not path.is_dir():
        return iter((path,))
    return iter(()) if deep else _walk(path, set(), left_out, films=films)


def _some(paths: Iterator[Path], complaint: str, left_out: LeftOut) -> Iterator[Path]:
    """The same paths; an error at once where there is none."""
    first = next(paths, None)
    if first is None:
        seen = f"; left out: {left_out}" if left_out else ""
        raise UsageError(
            f"{complaint} (images are told by name or by their first bytes{seen}); "
            "check the spelling"
        )
    return chain((first,), paths)


def _walk(
    folder: Path, above: set[tuple[int, int]], left_out: LeftOut, *, films: bool
) -> Iterator[Path]:
    try:
        found = folder.stat()
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names alone: there may be a million
    except OSError:
        yield folder
        return
    here = (found.st_dev, found.st_ino)
    if here in above:  # a link that leads back up
        return
    for name in names:
        path = folder / name
        if name.startswith("."):
            left_out.add(path, HIDDEN)
        elif path.is_dir():
            yield from _walk(path, above | {here}, left_out, films=films)
        elif (films and _is_film(path)) or is_image(path, left_out):
            yield path


def _is_film(path: Path) -> bool:
    """Quick where the name is an image's: it is given in any case."""
    return path.suffix.lower() not in SUFFIXES and is_film(path)
