"""From videos to the rows of their frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfclip.data.left_out import LeftOut
from mfclip.data.manifest import Manifest, Row
from mfclip.data.splits import assign_splits
from mfclip.errors import DataError
from mfclip.films.frames import spaced
from mfclip_data.beside import Beside, seen_from
from mfclip_data.extract import cached_folder, is_cached
from mfclip_data.faults import Faults, some
from mfclip_data.footage import Video
from mfclip_data.frames import list_frames
from mfclip_data.people import join_people


@dataclass(frozen=True, slots=True)
class Taking:
    """How frames are taken from the videos of a data set."""

    root: Path
    group: str
    frames: int
    """At most so many of each video."""
    cache: Path
    """Where frames of video files are."""


def list_videos(videos: Sequence[Video], taking: Taking, faults: Faults) -> Manifest:
    """The frames of the videos, evenly spaced, as a manifest.

    Videos without frames go to ``faults``. Raises :class:`DataError` where nothing is left.
    """
    circles = join_people(video.people for video in videos)
    masks = [video.masks for video in videos if video.masks is not None]
    folders = {video.id: _folder(video, taking) for video in (*videos, *masks)}
    _tell_unextracted([video for video in videos if folders[video.id] is None], faults)
    _tell_masks([video for video in masks if folders[video.id] is None], faults)
    beside = Beside(folders, taking.root)
    rows = [
        replace(row, further=beside(video, row.path))
        for video in videos
        for row in _rows(video, folders, circles, taking, faults)
    ]
    faults.settle()
    if not rows:
        raise DataError(f"{taking.root}: no frame of any video is there\n{faults.refusal()}")
    return Manifest(taking.root, tuple(rows))


def draw_validation(manifest: Manifest, shares: Sequence[float], seed: int) -> Manifest:
    """Where train and test are given but no validation: draw it from train, identities together.

    ``shares`` are those of train, validation and test; the ratio of the first two counts. Test
    rows stay as they are.
    """
    given = {row.split for row in manifest.rows}
    if not {"train", "test"} <= given or "val" in given or not shares[1]:
        return manifest
    train = [at for at, row in enumerate(manifest.rows) if row.split == "train"]
    blank = tuple(replace(manifest.rows[at], split="") for at in train)
    both = shares[0] + shares[1]
    parts = (shares[0] / both, shares[1] / both, 0.0)
    drawn = assign_splits(Manifest(manifest.root, blank), parts, seed)
    rows = list(manifest.rows)
    for at, row in zip(train, drawn.rows, strict=True):
        rows[at] = row
    return replace(manifest, rows=tuple(rows))


def _folder(video: Video, taking: Taking) -> Path | None:
    """The folder of a video's frames; None for a file that is not extracted."""
    if video.footage.frames is not None:
        return video.footage.frames
    if is_cached(video, taking.cache, taking.frames):
        return cached_folder(video, taking.cache, taking.frames)
    return None


def _tell_unextracted(videos: Sequence[Video], faults: Faults) -> None:
    if videos:
        faults.missing(
            f"{len(videos)} videos have no extracted frames: {some((v.id for v in videos), 3)}; "
            "extract them once with mfclip data import (same settings, also frames and cache)"
        )


def _tell_masks(masks: Sequence[Video], faults: Faults) -> None:
    if masks:
        faults.remark(
            f"{len(masks)} videos of masks have no extracted frames: "
            f"{some((v.id for v in masks), 3)}; mfclip data import extracts them"
        )


def _rows(
    video: Video,
    folders: Mapping[str, Path | None],
    circles: Mapping[str, str],
    taking: Taking,
    faults: Faults,
) -> Iterator[Row]:
    folder = folders[video.id]
    if folder is None:
        return
    # Beside the frames that an import extracted lies its own record; that is nothing to tell.
    own = folder == video.footage.frames
    frames = list_frames(folder, faults.left_out if own else LeftOut())
    if not frames:
        faults.missing(f"video {video.id} is empty: no image in {folder}")
    identity = circles[video.people[0]] if video.people else ""
    for position in spaced(len(frames), taking.frames):
        path = seen_from(frames[position], taking.root)
        yield Row(path, video.label, video.split, identity, taking.group, video.id)
