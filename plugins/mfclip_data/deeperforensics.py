"""DeeperForensics-1.0 on disk.

``manipulated_videos/VARIANT/TARGET_SOURCE.mp4`` (``000_M101``): the face of actor M101 on target
000. The real class is not in the data set: it is the targets, FaceForensics++ at c23, as its
authors say; the actors' ``source_videos`` are no real class. ``lists/splits`` holds the split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import NAMED_SPLITS, Split
from mfclip_data.faults import Faults, beside, some, unknown_folders
from mfclip_data.footage import Footage, Video, find_footage
from mfclip_data.lists import read_lines, tell_absent

VARIANTS = (
    "end_to_end",
    *(f"end_to_end_level_{level}" for level in range(1, 6)),
    *(f"end_to_end_mix_{number}_distortions" for number in range(2, 5)),
    "end_to_end_random_level",
    "reenact_postprocess",
)
"""Folders of manipulated videos; ``end_to_end`` has no perturbations."""
GROUP = "deeperforensics-1.0"
_FAKE = HierarchicalLabel("fake", "FS", "", "DF-VAE")
_TARGETS = "original_sequences/youtube/c23"
_NAME = re.compile(r"\d{3}_[MW]\d{3}")


def read_deeperforensics(
    root: Path, targets: Path, variants: Sequence[str], faults: Faults
) -> list[Video]:
    """The fakes of the variants, and the targets that they were made from."""
    unknown_folders(root, ("lists", "manipulated_videos", "source_videos"), faults)
    splits = _official(root, faults)
    fakes = [video for name in variants for video in _fakes(root, name, splits, faults)]
    return [*_reals(targets, fakes, faults), *fakes]


def _fakes(
    root: Path, variant: str, splits: Mapping[str, Split], faults: Faults
) -> Iterator[Video]:
    folder = root / "manipulated_videos" / variant
    found = find_footage(folder)
    if not folder.is_dir():
        faults.missing(f"manipulated_videos/{variant}: no such folder; {beside(folder)}")
        return
    tell_absent(splits, found, f"lists/splits, for {variant},", faults)
    odd = [name for name in found if not _NAME.fullmatch(name)]
    if odd:
        faults.missing(f"{variant}: names that are not TARGET_SOURCE (000_M101): {some(odd, 5)}")
    for name in (name for name in found if _NAME.fullmatch(name)):
        target, _, source = name.partition("_")
        people = (f"ffpp/{target}", f"deeperforensics/{source}")
        split = splits.get(name, "")
        made_from = f"{GROUP}/targets/{target}"
        yield Video(f"{GROUP}/{variant}/{name}", found[name], _FAKE, people, split, made_from)


def _reals(targets: Path, fakes: Sequence[Video], faults: Faults) -> Iterator[Video]:
    """The targets of the fakes, each in the split of its fakes."""
    splits: dict[str, set[Split]] = {}
    for video in fakes:
        splits.setdefault(_target(video), set()).add(video.split)
    found = _footage(targets, faults)
    tell_absent(sorted(splits), found, "the fakes' names, for their targets (FF++ c23),", faults)
    for name in (name for name in found if name in splits):
        if len(splits[name]) > 1:
            faults.missing(f"target {name} has fakes in several splits: {sorted(splits[name])}")
        label, people = HierarchicalLabel("real"), (f"ffpp/{name}",)
        split = min(splits[name])
        yield Video(f"{GROUP}/targets/{name}", found[name], label, people, split)


def _target(video: Video) -> str:
    return video.id.rpartition("/")[2].partition("_")[0]


def _footage(targets: Path, faults: Faults) -> dict[str, Footage]:
    """Below the root of FaceForensics++, or right in the folder."""
    folder = targets / _TARGETS if (targets / _TARGETS).is_dir() else targets
    found = find_footage(folder)
    if not found:
        faults.missing(
            f"{targets}: holds no targets: neither {_TARGETS} (FaceForensics++) nor videos/000.mp4"
        )
    return found


def _official(root: Path, faults: Faults) -> dict[str, Split]:
    """The split of each manipulated video by its name."""
    splits: dict[str, Split] = {}
    for split in NAMED_SPLITS:
        file = root / "lists" / "splits" / f"{split}.txt"
        if not file.is_file():
            faults.missing(f"lists/splits/{split}.txt: there is no such file; {beside(file)}")
            continue
        for _, line in read_lines(file):
            splits[PurePosixPath(line.split()[0]).stem] = split
    return splits
