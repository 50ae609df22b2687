"""TOML text to documents."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mfclip.errors import RecipeError
from mfclip.recipe.places import Document, Place
from mfclip.recipe.toml_lines import key_lines
from mfclip.text import printable

LARGEST = 256 * 1024
"""Bytes that a recipe or registry file may have; ours have a few thousand."""
DEEPEST = 64
"""Tables and arrays that may lie inside each other; recipes need six."""
# One key of more names than that. Seen before parsing, whose time grows with their square.
_LONG_KEY = re.compile(
    r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){%d}""" % DEEPEST  # noqa: UP031  braces
)


def parse(text: str, origin: str, folder: Path | None = None) -> Document:
    """The document of a TOML text.

    Parameters
    ----------
    origin
        How messages name the text.
    folder
        Where relative paths in it start; None leaves them as they are.

    Raises
    ------
    RecipeError
        Where the text is no TOML, with file and line; where it is larger than :data:`LARGEST`
        or nested deeper than :data:`DEEPEST`.
    """
    text = text.removeprefix("\ufeff")
    _check_size(len(text), origin)
    if long := _LONG_KEY.search(text):
        raise _too_deep(origin, text.count("\n", 0, long.start()) + 1)
    try:
        tree = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(_syntax_error(str(error), text, origin)) from error
    except ValueError as error:  # an integer of thousands of digits
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise _too_deep(origin, 1) from error
    for path, line in lines.items():
        if len(path) > DEEPEST:
            raise _too_deep(origin, line)
    places = {path: Place(origin, line, folder) for path, line in lines.items()}
    return Document(tree, {(): Place(origin, 1, folder), **places})


def load(path: Path, origin: str | None = None) -> Document:
    """The document of a TOML file; relative paths in it start at its folder.

    Raises
    ------
    RecipeError
        Where the file cannot be read, is no TOML, or is too large or too deep to be a recipe.
    """
    origin = origin or str(path)
    try:
        _check_size(path.stat().st_size, origin)
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{origin}:{line}: not UTF-8 text: byte {error.start}") from error
    except OSError as error:
        raise RecipeError(f"{origin}: cannot be read: {error.strerror or error}") from error
    return parse(text, origin, path.absolute().parent)


def _check_size(size: int, origin: str) -> None:
    if size > LARGEST:
        raise RecipeError(f"{origin}: not a recipe: {size} bytes; at most {LARGEST} are read")


def _too_deep(origin: str, line: int) -> RecipeError:
    return RecipeError(f"{origin}:{line}: not a recipe: nested too deeply; {DEEPEST} is the limit")


def _syntax_error(message: str, text: str, origin: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found is None:
        what, line = message.removesuffix(" (at end of document)"), text.rstrip().count("\n") + 1
    else:
        what, line = f"{found[1]}, column {found[3]}", int(found[2])
    source = text.splitlines()[line - 1 : line]
    shown = f"\n    {printable(source[0].strip())}" if source and source[0].strip() else ""
    return f"{origin}:{line}: not valid TOML: {printable(what[:1].lower() + what[1:])}{shown}"
