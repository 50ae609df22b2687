"""The Deepfake Detection Challenge data set on disk.

Parts ``dfdc_train_part_0`` and so on, in ``train/`` or right in the root, each with a
``metadata.json`` that gives every video's label and, for a fake, the video it was made from.
``test/`` and, where it is there, ``validation/`` have a ``labels.csv`` (1: fake).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mfclip.data.labels import HierarchicalLabel, Label
from mfclip.data.manifest import Split
from mfclip.errors import DataError
from mfclip_data.faults import Faults, beside, some, unknown_folders
from mfclip_data.footage import Video, find_footage
from mfclip_data.frames import natural
from mfclip_data.lists import read_csv, read_json, tell_absent

GROUP = "dfdc"
_PART = "dfdc_train_part_*"
_LABELS: Mapping[str, Label] = {"REAL": "real", "FAKE": "fake", "0": "real", "1": "fake"}
_HELD_OUT: tuple[tuple[str, Split], ...] = (("validation", "val"), ("test", "test"))


@dataclass(frozen=True, slots=True)
class _Entry:
    label: Label
    original: str
    """The real video that it was made from, or the video itself."""


def read_dfdc(root: Path, faults: Faults) -> list[Video]:
    """The videos of all parts. Without an official test set none has a split."""
    parts = sorted([*root.glob(_PART), *root.glob(f"train/{_PART}")], key=lambda p: natural(p.name))
    known = {"train", "test", "validation", *(part.name for part in parts)}
    unknown_folders(root, known, faults)
    if not parts:
        faults.missing(f"no folder {_PART}, neither here nor in train/; {beside(root / 'train')}")
    train = [video for part in parts for video in _part(part, faults)]
    held_out = [
        video for name, split in _HELD_OUT for video in _labelled(root, name, split, faults)
    ]
    if any(video.split == "test" for video in held_out):
        return [*(replace(video, split="train") for video in train), *held_out]
    faults.remark("no official test set (test/labels.csv), so the split is drawn")
    return [*train, *(replace(video, split="") for video in held_out)]


def _part(part: Path, faults: Faults) -> Iterator[Video]:
    if not (part / "metadata.json").is_file():
        faults.missing(f"{part.name}/metadata.json: there is no such file")
        return
    entries = dict(_metadata(part / "metadata.json"))
    yield from _videos(part, entries, "", f"{part.name}/metadata.json", faults)


def _labelled(root: Path, name: str, split: Split, faults: Faults) -> Iterator[Video]:
    folder = root / name
    if not folder.is_dir():
        return
    if not (folder / "labels.csv").is_file():
        faults.missing(f"{name}/labels.csv: there is no such file; {beside(folder / 'labels.csv')}")
        return
    file = folder / "labels.csv"
    entries = {
        _stem(line["filename"]): _Entry(_label(file, line["filename"], line["label"]), "")
        for line in read_csv(file, ("filename", "label"))
    }
    yield from _videos(folder, entries, split, f"{name}/labels.csv", faults)


def _videos(
    folder: Path, entries: Mapping[str, _Entry], split: Split, of: str, faults: Faults
) -> Iterator[Video]:
    found = find_footage(folder)
    tell_absent(entries, found, of, faults)
    unlabelled = [name for name in found if name not in entries]
    if unlabelled:
        faults.missing(f"{of} gives no label to {len(unlabelled)} videos: {some(unlabelled, 5)}")
    for name, footage in found.items():
        if name in entries:
            entry = entries[name]
            label = HierarchicalLabel(entry.label)
            people = (f"dfdc/{entry.original}",) if entry.original else ()
            place = f"{GROUP}/{folder.name}"
            made_from = f"{place}/{entry.original}" if label.is_fake and entry.original else ""
            yield Video(f"{place}/{name}", footage, label, people, split, made_from)


def _metadata(file: Path) -> Iterator[tuple[str, _Entry]]:
    content: Any = read_json(file)
    if not isinstance(content, dict) or not all(isinstance(one, dict) for one in content.values()):
        raise DataError(f'{file}: wanted {{"NAME.mp4": {{"label": "REAL"}}, ...}}')
    for name, about in content.items():
        original = about.get("original") or name
        yield _stem(name), _Entry(_label(file, name, str(about.get("label"))), _stem(original))


def _label(file: Path, name: str, text: str) -> Label:
    if text not in _LABELS:
        raise DataError(f"{file}: the label of {name} is {text!r}, not one of {', '.join(_LABELS)}")
    return _LABELS[text]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
