"""Extracting frames of video files with PyAV: once, on import, into a cache.

A video's frames lie in ``CACHE/N-frames/VIDEO-ID/000123.png``, where N is the number asked for
and 123 the frame's place in the video. A folder is there whole or not at all.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.errors import DataError
from mfclip.files import cache_folder, replace_folder, settled
from mfclip.films.frames import each_frame, spaced
from mfclip.films.opening import opened, packets, require_av
from mfclip.locks import holding

if TYPE_CHECKING:
    from mfclip_data.footage import Video

_STAMP = "source.json"


def default_cache() -> Path:
    """Where frames are kept that nobody named another folder for."""
    return cache_folder() / "frames"


def cached_folder(video: Video, cache: Path, wanted: int) -> Path:
    """Where the frames of a video file lie, or will lie."""
    return cache / f"{wanted}-frames" / video.id


def is_cached(video: Video, cache: Path, wanted: int) -> bool:
    """Whether its frames are there, and are of the file as it is now."""
    return _is_current(cached_folder(video, cache, wanted), video)


def _is_current(folder: Path, video: Video) -> bool:
    stamp = settled(folder) / _STAMP
    try:
        found = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == _stamp(video))


def extract_videos(
    videos: Sequence[Video],
    cache: Path,
    wanted: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Extract the frames of every video that is a file only and is not in the cache yet.

    Raises
    ------
    DataError
        At the end, with every file that cannot be decoded.
    MissingExtraError
        Without PyAV, where there is something to extract.
    """
    waiting = [v for v in videos if v.footage.frames is None and not is_cached(v, cache, wanted)]
    if waiting:
        require_av("extracting frames of videos")
    failed: list[str] = []
    for done, video in enumerate(waiting, start=1):
        try:
            _extract(video, cached_folder(video, cache, wanted), wanted)
        except DataError as error:
            failed.append(str(error))
        if progress:
            progress(done, len(waiting))
    if failed:
        raise DataError("\n".join(["videos that cannot be used; copy them again:", *failed]))


def _extract(video: Video, folder: Path, wanted: int) -> None:
    """Into its folder, unless another process does so meanwhile: then wait, and use that."""
    assert video.footage.file is not None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with holding(folder, waiting=lambda text: warnings.warn(text, stacklevel=5)):
        if _is_current(folder, video):
            return
        _fill(folder, video.footage.file, wanted, video)


def _fill(folder: Path, file: Path, wanted: int, video: Video) -> None:
    with replace_folder(folder) as staged:
        save_frames(file, staged, wanted)
        stamp = json.dumps(_stamp(video))
        (staged / _STAMP).write_text(stamp, encoding="utf-8")


def save_frames(file: Path, folder: Path, wanted: int) -> None:
    """Save frames of a video, evenly spaced over all that can be decoded, as PNG.

    Raises :class:`DataError` for a file that is no video, is damaged, or has no frame.
    """
    total = _count(file)
    decoded = _save(file, folder, set(spaced(total, wanted)))
    if decoded != total:  # a packet is not always a frame; now the number is known
        for saved in folder.glob("*.png"):
            saved.unlink()
        _save(file, folder, set(spaced(decoded, wanted)))


def _count(file: Path) -> int:
    """Packets of the video, without decoding; what a container claims itself is often wrong."""
    with opened(file) as (container, stream):
        return sum(1 for packet in packets(file, container, stream) if packet.size)


def _save(file: Path, folder: Path, positions: set[int]) -> int:
    """Save the frames at the positions; gives the number of all frames."""
    from PIL import Image

    total = 0
    for frame in each_frame(file):
        total = frame.number + 1
        if frame.number in positions:
            Image.fromarray(frame.rgb()).save(folder / f"{frame.number:06}.png")
    return total


def _stamp(video: Video) -> dict[str, object]:
    """What tells that a video file is the one that was extracted."""
    assert video.footage.file is not None
    found = video.footage.file.stat()
    return {
        "file": str(video.footage.file.resolve()),
        "bytes": found.st_size,
        "changed": found.st_mtime_ns,
    }
