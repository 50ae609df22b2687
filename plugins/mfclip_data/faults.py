"""What a reader finds wrong with a data set on disk: collected, then told all at once."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from mfclip.data.left_out import LeftOut
from mfclip.errors import DataError

Incomplete = Literal["stop", "warn"]
_SHOWN = 20
"""Faults that are spelt out; the rest is counted."""


class Faults:
    """Faults and remarks of one reading."""

    def __init__(self, root: Path, incomplete: Incomplete) -> None:
        self._root = root
        self._stops = incomplete == "stop"
        self._faults: list[str] = []
        self._remarks: list[str] = []
        self.left_out = LeftOut()
        """Files among the images that are none; told with the remarks."""

    def missing(self, text: str) -> None:
        """Something that should be there and is not: an error unless the user allows it."""
        self._faults.append(text)

    def remark(self, text: str) -> None:
        """Something to know that stands in nobody's way."""
        self._remarks.append(text)

    def settle(self) -> None:
        """Warn of the remarks; raise :class:`DataError` with all faults, or warn of them too."""
        told = [] if self._stops else list(self._faults)
        if self.left_out:
            told.append(f"left out (no images): {self.left_out}")
        for text in [*told, *self._remarks]:
            warnings.warn(f"{self._root}: {text}", stacklevel=3)
        if self._stops and self._faults:
            raise DataError(self.refusal())

    def refusal(self) -> str:
        """All faults as one text."""
        lines = self._faults[:_SHOWN]
        if len(self._faults) > _SHOWN:
            lines.append(f"... and {len(self._faults) - _SHOWN} more")
        end = 'to read what is there all the same: incomplete = "warn"'
        return "\n".join([f"{self._root}: the data set is not complete", *_indented([*lines, end])])


def require_folder(folder: Path, what: str) -> Path:
    """The folder. Raises :class:`DataError` at once, with what lies beside, where there is none."""
    if folder.is_dir():
        return folder
    state = "is a file" if folder.exists() else "there is no such folder"
    raise DataError(f"{folder}: {state}; wanted: {what}\n  {beside(folder)}")


def beside(path: Path) -> str:
    """What lies where ``path`` should: the nearest folder above it, and what it holds."""
    above = path.parent
    while not above.is_dir() and above != above.parent:
        above = above.parent
    names = sorted(f"{p.name}/" if p.is_dir() else p.name for p in above.iterdir())
    near = difflib.get_close_matches(path.name, [name.rstrip("/") for name in names], n=1)
    hint = f"; did you mean {near[0]!r}?" if near and path.parent == above else ""
    return f"{above} holds: {some(names)}{hint}"


def some(names: Iterable[str], shown: int = 8) -> str:
    """``a, b, c and 4 more``."""
    listed: Sequence[str] = list(names)
    more = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return (", ".join(listed[:shown]) or "nothing") + more


def unknown_folders(folder: Path, known: Iterable[str], faults: Faults) -> None:
    """Remark on folders that the layout does not have; they are left out."""
    known = list(known)
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and entry.name not in known and not entry.name.startswith("."):
            near = difflib.get_close_matches(entry.name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            faults.remark(f"{entry.name}/ is not part of the layout and is left out{hint}")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
