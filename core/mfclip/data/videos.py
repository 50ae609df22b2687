"""A video's id stands for one video: what all of its frames share.

Data sets number their videos anew for each manipulation (``000_003`` is a Deepfake, a Face2Face and
two more), so an id taken from a folder's name joins four videos into one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from mfclip.data.manifest import Manifest
from mfclip.errors import DataError

SHARED = ("label", "forgery", "family", "generator", "group", "identity")
"""Columns in which the frames of one video agree."""
ADVICE = "an id must stand for one video: join the manipulation to it, as in Deepfakes/000_003"
_NAMED = 5
"""Mixed videos that an error names; the rest is counted."""


def mixed_videos(
    video: Iterable[str], columns: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, list[str]]]:
    """By column: the videos whose frames have several values of it, each with these, sorted.

    All columns are as long as ``video``, the id of each row; rows without one are left alone.
    """
    ids = list(video)
    found: dict[str, dict[str, list[str]]] = {}
    for column, values in columns.items():
        seen: dict[str, set[str]] = defaultdict(set)
        for name, value in zip(ids, values, strict=True):
            if name:
                seen[name].add(value)
        found[column] = {name: sorted(these) for name, these in seen.items() if len(these) > 1}
    return found


def columns_of(manifest: Manifest) -> dict[str, list[str]]:
    """The columns of :data:`SHARED`, and ``video`` and ``split``."""
    levels = ("label", "forgery", "family", "generator")
    own = ("group", "identity", "video", "split")
    return {
        **{name: [getattr(row.label, name) for row in manifest.rows] for name in levels},
        **{name: [getattr(row, name) for row in manifest.rows] for name in own},
    }


def require_videos(video: Iterable[str], columns: Mapping[str, Iterable[str]]) -> None:
    """Raise :class:`DataError` that names the videos whose frames cannot be of one video."""
    told: dict[str, str] = {}
    for column, videos in mixed_videos(video, columns).items():
        for name, (one, other, *_) in videos.items():
            told.setdefault(name, f"two values of {column}: {one!r}, {other!r}")
    if not told:
        return
    lines = [f"video {name!r} has {what}" for name, what in sorted(told.items())[:_NAMED]]
    if len(told) > _NAMED:
        lines.append(f"... and {len(told) - _NAMED} more videos")
    raise DataError("\n".join([*lines, ADVICE]))
