"""Celeb-DF, both versions, on disk.

``Celeb-real``, ``YouTube-real`` and ``Celeb-synthesis`` hold videos (right inside, or in
``videos/``) or ``frames/NAME/``. ``Celeb-real/id0_0000`` shows person 0; ``Celeb-synthesis/
id0_id1_0000`` is that video with the face of person 1. The official test set is
``List_of_testing_videos.txt``; its lines begin with 1 for real and 0 for fake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from mfclip.data.labels import HierarchicalLabel, Label
from mfclip.errors import DataError
from mfclip_data.faults import Faults, beside, unknown_folders
from mfclip_data.footage import Video, find_footage
from mfclip_data.lists import read_lines, tell_absent

FOLDERS: Mapping[str, HierarchicalLabel] = {
    "Celeb-real": HierarchicalLabel("real"),
    "YouTube-real": HierarchicalLabel("real"),
    "Celeb-synthesis": HierarchicalLabel("fake", "FS", "", "Celeb-DF"),
}
LIST = "List_of_testing_videos.txt"
_MARKS: Mapping[str, Label] = {"1": "real", "0": "fake"}
_NAME = re.compile(r"id\d+(_id\d+)?_\d+")

Rest = Literal["leave-out", "train"]
Together = Literal["people", "videos"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of the data set is read, and what its identities are."""

    version: str
    rest: Rest
    """What happens to videos that the official list does not name."""
    together: Together

    @property
    def group(self) -> str:
        """Name of the group."""
        return f"celeb-df-{self.version}"


def read_celeb_df(root: Path, choice: Choice, faults: Faults) -> list[Video]:
    """The videos of the official test set, and the rest where that is wanted."""
    unknown_folders(root, FOLDERS, faults)
    videos = [video for folder in FOLDERS for video in _videos(root, folder, choice, faults)]
    if not (root / LIST).is_file():
        faults.missing(f"{LIST}: there is no such file; {beside(root / LIST)}")
        return videos
    listed = _listed(root / LIST)
    present = {video.id.partition("/")[2]: video for video in videos}
    tell_absent(listed, present, LIST, faults)
    named = [replace(video, split="test") for name, video in present.items() if name in listed]
    if choice.rest == "leave-out":
        return named
    others = [
        replace(video, split="train") for name, video in present.items() if name not in listed
    ]
    return [*others, *named]


def _videos(root: Path, folder: str, choice: Choice, faults: Faults) -> list[Video]:
    place = root / folder
    found = find_footage(place)
    if not place.is_dir():
        faults.missing(f"{folder}: there is no such folder; {beside(place)}")
    elif not found:
        faults.missing(f"{folder}: holds no video: neither frames/NAME/ nor NAME.mp4")
    return [
        Video(
            f"{choice.group}/{folder}/{name}",
            footage,
            FOLDERS[folder],
            _people(folder, name, choice.together, faults),
            made_from=_original(name, choice) if FOLDERS[folder].is_fake else "",
        )
        for name, footage in found.items()
    ]


def _original(name: str, choice: Choice) -> str:
    """The real video with another face on it: ``id0_id1_0000`` is ``id0_0000``."""
    person, _, rest = name.partition("_")
    return f"{choice.group}/Celeb-real/{person}_{rest.rpartition('_')[2]}"


def _people(folder: str, name: str, together: Together, faults: Faults) -> tuple[str, ...]:
    if folder == "YouTube-real":  # each shows somebody else
        return (f"celeb-df/YouTube-real/{name}",)
    if not _NAME.fullmatch(name):
        faults.remark(
            f"{folder}/{name}: the name tells no identity; wanted: id0_0000 or id0_id1_0000"
        )
        return ()
    *people, number = name.split("_")
    if together == "videos":
        return (f"celeb-df/{people[0]}_{number}",)
    return tuple(f"celeb-df/{person}" for person in people)


def _listed(file: Path) -> dict[str, Label]:
    """The videos of the official test set, as ``Celeb-real/id0_0000``, with their labels.

    Raises :class:`DataError` for lines that are none, or that contradict the folder.
    """
    found: dict[str, Label] = {}
    for place, line in read_lines(file):
        mark, _, path = line.partition(" ")
        name = PurePosixPath(path.strip())
        folder = name.parent.name
        if mark not in _MARKS or folder not in FOLDERS:
            raise DataError(
                f"{place}: wanted a line like '1 Celeb-real/id0_0000.mp4' (1 real, 0 fake), "
                f"got {line!r}"
            )
        if _MARKS[mark] != FOLDERS[folder].label:
            raise DataError(f"{place}: {line!r} calls a video of {folder} {_MARKS[mark]}")
        found[f"{folder}/{name.stem}"] = _MARKS[mark]
    return found
