"""TOML text to documents."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mfclip.errors import RecipeError
from mfclip.recipe.places import Document, Place
from mfclip.recipe.toml_lines import key_lines


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
        Where the text is no TOML, with file and line.
    """
    try:
        tree = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(_syntax_error(str(error), text, origin)) from error
    except RecursionError as error:
        raise RecipeError(f"{origin}: not a recipe: nested too deeply to be read") from error
    places = {path: Place(origin, line, folder) for path, line in lines.items()}
    return Document(tree, {(): Place(origin, 1, folder), **places})


def load(path: Path, origin: str | None = None) -> Document:
    """The document of a TOML file; relative paths in it start at its folder.

    Raises
    ------
    RecipeError
        Where the file cannot be read or is no TOML.
    """
    origin = origin or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{origin}:{line}: not UTF-8 text: byte {error.start}") from error
    except OSError as error:
        raise RecipeError(f"{origin}: cannot be read: {error.strerror or error}") from error
    return parse(text.removeprefix("\ufeff"), origin, path.absolute().parent)


def _syntax_error(message: str, text: str, origin: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found is None:
        what, line = message.removesuffix(" (at end of document)"), text.rstrip().count("\n") + 1
    else:
        what, line = f"{found[1]}, column {found[3]}", int(found[2])
    source = text.splitlines()[line - 1 : line]
    shown = f"\n    {source[0].strip()}" if source and source[0].strip() else ""
    return f"{origin}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}{shown}"
