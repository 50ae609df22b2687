"""What a search for images left out: counted by kind, an example of each, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MAX_KINDS = 50
"""Kinds that are counted on their own; file names may have any number of extensions."""
HIDDEN = "hidden"
"""Kind of files and folders whose name begins with a dot; a folder counts as one."""
SPECIAL = "of no regular file"
"""Kind of pipes, devices, sockets, and links that lead nowhere."""
FOLDERS = "folders"
"""Kind of folders, where only the files right in a folder are looked at."""
BARE = "without extension"
"""Kind of other files whose name has no extension."""
_REST = "of other kinds"


@dataclass(slots=True)
class LeftOut:
    """Files of folders that are no images, by kind: ``.txt``, ``.mp4``, ``hidden`` and so on."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, Path] = field(default_factory=dict)
    """The first of each kind."""

    def add(self, path: Path, kind: str | None = None) -> None:
        """Count one file. Without a kind: by its extension, in lower case."""
        kind = kind or path.suffix.lower() or BARE
        if kind not in self.counts and len(self.counts) >= MAX_KINDS:
            kind = _REST
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.examples.setdefault(kind, path)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        """``3 .txt, 1 .mp4, 2 hidden``: the most frequent first."""
        return ", ".join(f"{self.counts[kind]} {kind}" for kind in self._ranked())

    def with_examples(self) -> str:
        """A line for each kind: ``3 .txt, such as faces/notes.txt``."""
        return "\n".join(
            f"  {self.counts[kind]} {kind}, such as {self.examples[kind]}"
            for kind in self._ranked()
        )

    def _ranked(self) -> list[str]:
        return sorted(self.counts, key=lambda kind: (-self.counts[kind], kind))
