"""Where the footage of a data set lies: folders of extracted frames, or video files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Split

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm"})
"""File names that count as videos, in lower case."""


@dataclass(frozen=True, slots=True)
class Footage:
    """One video on disk: as frames, as a file, or as both (then the frames are read)."""

    frames: Path | None = None
    """A folder of images."""
    file: Path | None = None
    """A video."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video and what its data set says of it."""

    id: str
    """Unique over data sets, compressions and manipulations: ``ffpp-c23/Deepfakes/000_003``."""
    footage: Footage
    label: HierarchicalLabel
    people: tuple[str, ...] = ()
    """Everyone who is seen in it; none: not known."""
    split: Split = ""
    made_from: str = ""
    """Of a fake, the id of the real video whose frames it shows; empty: not known."""
    masks: Video | None = None
    """Of a fake, the video that shows where each frame was forged, white on black."""


def find_footage(folder: Path) -> dict[str, Footage]:
    """The videos of a folder by name, sorted.

    ``frames/NAME/`` holds extracted frames; videos are ``videos/NAME.mp4`` or ``NAME.mp4``.
    """
    frames = {path.name: path for path in _entries(folder / "frames") if path.is_dir()}
    files = {path.stem: path for place in (folder, folder / "videos") for path in _videos(place)}
    names = sorted({*frames, *files})
    return {name: Footage(frames.get(name), files.get(name)) for name in names}


def _videos(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if path.suffix.lower() in VIDEO_SUFFIXES:
            yield path


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))
