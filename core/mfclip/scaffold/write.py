"""Writing a new plugin package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mfclip.errors import UsageError
from mfclip.files import replace_folder
from mfclip.plugins.discovery import discover
from mfclip.scaffold.kinds import template_of
from mfclip.scaffold.names import check_free, parse_name
from mfclip.scaffold.render import part_name, render, render_fragment


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """A package that was written."""

    folder: Path
    """Where it lies."""
    part: str
    """Name of its part."""
    files: tuple[str, ...]
    """Paths in the folder, POSIX."""
    fragment: str
    """The tables that put the part into a recipe; empty where recipes have no place for it."""


def new_plugin(name: str, kind: str, out: Path) -> NewPlugin:
    """Write a complete package that offers one working part of a kind.

    The folder ``out/name`` appears whole or not at all.

    Raises
    ------
    UsageError
        Where the name is no good or taken, no kind is called so, or the folder holds something.
    """
    names, template = parse_name(name), template_of(kind)
    part = part_name(names, template)
    check_free(names, kind, part, discover())
    folder = out / names.distribution
    _check_empty(folder)
    content = render(names, template)
    with replace_folder(folder) as staged:
        for path, data in content.items():
            file = staged / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return NewPlugin(folder, part, tuple(content), render_fragment(names, template))


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        what = "is a folder with something in it" if folder.is_dir() else "is no folder"
        raise UsageError(
            f"{folder}: {what}, and nothing of yours is overwritten; move it away, take another "
            "name, or say --out FOLDER"
        )
