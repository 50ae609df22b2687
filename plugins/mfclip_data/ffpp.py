"""FaceForensics++ on disk.

``original_sequences/youtube/COMPRESSION`` holds the real videos, ``manipulated_sequences/METHOD/
COMPRESSION`` the fakes, each as ``videos/NAME.mp4`` or ``frames/NAME/``. Real videos are numbered
(``000``); a fake is named ``TARGET_SOURCE`` (``000_003``) and shows both people. The official
split is three files of pairs: ``train.json``, ``val.json`` and ``test.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import NAMED_SPLITS, Split
from mfclip.errors import DataError
from mfclip_data.faults import Faults, beside, some, unknown_folders
from mfclip_data.footage import Footage, Video, find_footage
from mfclip_data.lists import read_json, tell_absent

METHODS: Mapping[str, str] = {
    "Deepfakes": "FS",
    "Face2Face": "AM",
    "FaceSwap": "FS",
    "NeuralTextures": "AM",
    "FaceShifter": "FS",
    "DeepFakeDetection": "FS",
}
"""The methods and their type of forgery. Re-enactment keeps the person and changes expressions,
which of the paper's three types is attribute manipulation."""
ACTORS = "DeepFakeDetection"
"""The method whose real videos are those of actors."""
_YOUTUBE, _MANIPULATED = "original_sequences/youtube", "manipulated_sequences"

SplitOf = Mapping[str, Split]
"""The official split by number of the real video."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the data set is read."""

    compression: str
    methods: Sequence[str]

    @property
    def group(self) -> str:
        """Name of the group: data set and compression."""
        return f"ffpp-{self.compression}"


def read_ffpp(root: Path, selection: Selection, faults: Faults) -> list[Video]:
    """The real videos and those of each method."""
    known = {"original_sequences", _MANIPULATED, "downloaded_videos", "splits", "dataset"}
    unknown_folders(root, known, faults)
    if (root / _MANIPULATED).is_dir():
        unknown_folders(root / _MANIPULATED, METHODS, faults)
    pairs = _official(root, faults)
    splits = {name: split for split, found in pairs.items() for pair in found for name in pair}
    videos: list[Video] = []
    if any(method != ACTORS for method in selection.methods):
        videos += _real(root, _YOUTUBE, selection, splits, faults)
    if ACTORS in selection.methods:
        videos += _real(root, "original_sequences/actors", selection, {}, faults)
    for method in selection.methods:
        videos += _fakes(root, method, selection, pairs, faults)
    return videos


def people_in(name: str, prefix: str) -> tuple[str, ...]:
    """The people of a video by its name: ``000``, ``000_003``, or ``01_02__walking``."""
    return tuple(f"{prefix}/{person}" for person in name.split("__")[0].split("_"))


def _real(
    root: Path, place: str, selection: Selection, splits: SplitOf, faults: Faults
) -> Iterator[Video]:
    found = _footage(root, f"{place}/{selection.compression}", faults)
    if splits and found:
        tell_absent(sorted(splits), found, f"the official split, for {place},", faults)
        unlisted = [name for name in found if name not in splits]
        if unlisted:
            faults.remark(f"{place}: in no official split, so drawn: {some(unlisted, 5)}")
    kind = place.rpartition("/")[2]
    for name, footage in found.items():
        people = people_in(name, "dfd" if kind == "actors" else "ffpp")
        split = splits.get(name, "")
        yield Video(
            f"{selection.group}/{kind}/{name}", footage, HierarchicalLabel("real"), people, split
        )


def _fakes(
    root: Path,
    method: str,
    selection: Selection,
    pairs: Mapping[Split, Sequence[Sequence[str]]],
    faults: Faults,
) -> Iterator[Video]:
    place = f"{_MANIPULATED}/{method}"
    found = _footage(root, f"{place}/{selection.compression}", faults)
    official = {} if method == ACTORS else _split_of_fakes(pairs)
    if official and found:
        tell_absent(official, found, f"the official split, for {place},", faults)
    label = HierarchicalLabel("fake", METHODS[method], "", method)
    masks = find_footage(root / place / "masks")
    for name, footage in found.items():
        people = people_in(name, "dfd" if method == ACTORS else "ffpp")
        yield Video(
            f"{selection.group}/{method}/{name}",
            footage,
            label,
            people,
            official.get(name, ""),
            made_from=f"{selection.group}/{_target(name, method)}",
            masks=Video(f"ffpp-masks/{method}/{name}", masks[name], label)
            if name in masks
            else None,
        )


def _target(name: str, method: str) -> str:
    """The real video that a fake shows: ``000_003`` is the video 000 with the face of 003.

    A fake of actors is called ``TARGET_SOURCE__SCENE__ID``, its real video ``TARGET__SCENE``.
    """
    if method != ACTORS:
        return f"youtube/{name.partition('_')[0]}"
    people, _, rest = name.partition("__")
    return f"actors/{people.partition('_')[0]}__{rest.rpartition('__')[0]}"


def _split_of_fakes(pairs: Mapping[Split, Sequence[Sequence[str]]]) -> dict[str, Split]:
    """A pair stands for two fakes: each face in the other's video."""
    return {
        name: split
        for split, found in pairs.items()
        for one, other in found
        for name in (f"{one}_{other}", f"{other}_{one}")
    }


def _footage(root: Path, place: str, faults: Faults) -> dict[str, Footage]:
    folder = root / place
    found = find_footage(folder)
    if not folder.is_dir():
        faults.missing(f"{place}: there is no such folder; {beside(folder)}")
    elif not found:
        faults.missing(f"{place}: holds no video: neither frames/NAME/ nor videos/NAME.mp4")
    return found


def _official(root: Path, faults: Faults) -> dict[Split, Sequence[Sequence[str]]]:
    """The pairs of each split, where the three files are there."""
    for folder in (root, root / "splits", root / "dataset" / "splits"):
        files = {name: folder / f"{name}.json" for name in NAMED_SPLITS}
        there = [name for name, file in files.items() if file.is_file()]
        if there:
            for name in NAMED_SPLITS:
                if name not in there:
                    faults.missing(f"{files[name]} is missing, beside {', '.join(there)}")
            return {name: _pairs(files[name]) for name in NAMED_SPLITS if name in there}
    faults.remark(
        "no train.json, val.json and test.json, so the split is drawn, with identities together"
    )
    return {}


def _pairs(file: Path) -> Sequence[Sequence[str]]:
    found: Any = read_json(file)
    right = isinstance(found, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        for pair in found
    )
    if not right:
        raise DataError(f'{file}: wanted pairs of video numbers, as in [["071", "054"], ...]')
    return [tuple(pair) for pair in found]
