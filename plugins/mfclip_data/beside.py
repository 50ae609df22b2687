"""What lies beside a fake's frame: the same frame of the real video, and of the masks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from mfclip.data.pairs import COUNTERPART, frame_number
from mfclip_data.footage import Video


@dataclass(frozen=True)
class Beside:
    """Finds frames by their number, in the folders of videos."""

    folders: Mapping[str, Path | None]
    """Where the frames of each video are, by its id."""
    root: Path
    _frames: dict[str, dict[int | None, Path]] = field(default_factory=dict)
    """Of the videos that were looked into."""

    def __call__(self, video: Video, frame: PurePath) -> tuple[tuple[str, str], ...]:
        """The further columns of a frame's row; none where nothing lies beside it.

        Another frame than that of its number is never taken: a mask of it would be wrong.
        """
        names = {COUNTERPART: video.made_from, "mask": video.masks.id if video.masks else ""}
        number = frame_number(frame.stem)
        found = {column: self._of(name).get(number) for column, name in names.items()}
        return tuple(
            (column, seen_from(file, self.root).as_posix())
            for column, file in found.items()
            if file
        )

    def _of(self, video: str) -> Mapping[int | None, Path]:
        if video not in self._frames:
            folder = self.folders.get(video)
            names = os.listdir(folder) if folder else ()  # noqa: PTH208 - the names alone
            numbers = {frame_number(PurePath(name).stem): name for name in names}
            self._frames[video] = {
                number: folder / name
                for number, name in numbers.items()
                if folder and number is not None
            }
        return self._frames[video]


def seen_from(file: Path, root: Path) -> Path:
    """As a manifest has it: relative below the root, else absolute."""
    return file.relative_to(root) if file.is_relative_to(root) else file.resolve()
