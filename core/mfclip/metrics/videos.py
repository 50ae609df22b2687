"""From frames to videos: one score for each video, and the check that video ids are ids.

A video's score is the mean of its frames' log-odds. Data sets number their videos anew for each
manipulation (``000_003`` is a Deepfake, a Face2Face and two more), so an id taken from a folder's
name joins four videos into one. Whatever averages frames must refuse that, and this does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Shaped
from numpy.typing import NDArray

from mfclip.errors import DataError
from mfclip.metrics.scores import ScoreTable

ONE_EACH = ("label", "forgery", "family", "generator", "group", "identity")
"""What all frames of one video share."""
_SHOWN = 5
"""Mixed videos that are named; the rest is counted."""


def has_videos(table: ScoreTable) -> bool:
    """Whether any video has two frames or more, so that videos differ from frames."""
    named = table.video[table.video != ""]
    return bool(np.unique(named).size < named.size)


def by_video(table: ScoreTable) -> ScoreTable:
    """One row a video, in the order of the first frames; images without a video stay as they are.

    ``log_odds`` is the mean over the frames that were scored, NaN where none was; ``path`` is the
    first frame's.

    Raises:
        DataError: A video id carries both labels, or two forgeries, generators, groups or
            identities: it stands for several videos.
    """
    check_videos(table)
    first, unit = _units(table)
    part = table.where(first)
    return ScoreTable(
        path=part.path,
        log_odds=_means(table.log_odds, unit, len(first)),
        is_fake=part.is_fake,
        group=part.group,
        forgery=part.forgery,
        family=part.family,
        generator=part.generator,
        identity=part.identity,
        video=part.video,
    )


def check_videos(table: ScoreTable) -> None:
    """Raise :class:`DataError` that names the videos whose frames cannot be of one video."""
    first, unit = _units(table)
    mixed = sorted(_mixed(table, first, unit).items())
    if not mixed:
        return
    lines = [f"video {name!r} has {what}" for name, what in mixed[:_SHOWN]]
    if len(mixed) > _SHOWN:
        lines.append(f"... and {len(mixed) - _SHOWN} more videos")
    lines.append(
        "an id must stand for one video: join the manipulation to it, as in Deepfakes/000_003"
    )
    raise DataError("\n".join(lines))


def _units(
    table: ScoreTable,
) -> tuple[Int[NDArray[Any], " units"], Int[NDArray[Any], " n"]]:
    """The first row of each video or single image, in order, and the unit of each row."""
    alone = table.video == ""
    # Ids are text: a number in front keeps single images apart from each other and from videos.
    number = np.where(alone, np.arange(1, len(table) + 1), 0).astype(np.str_)
    key = np.char.add(np.char.add(number, " "), table.video)
    _, first, unit = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[unit]


def _means(
    values: Float64[NDArray[Any], " n"], unit: Int[NDArray[Any], " n"], units: int
) -> Float64[NDArray[Any], " units"]:
    """The mean of the finite values of each unit."""
    finite = np.isfinite(values)
    total = np.bincount(unit[finite], weights=values[finite], minlength=units)
    count = np.bincount(unit[finite], minlength=units)
    means = np.full(units, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def _mixed(
    table: ScoreTable, first: Int[NDArray[Any], " units"], unit: Int[NDArray[Any], " n"]
) -> dict[str, str]:
    """Videos whose frames differ in what they should share, each with its first difference."""
    found: dict[str, str] = {}
    for name, values in _columns(table):
        for row in np.flatnonzero(values != values[first][unit]):
            one, other = sorted((str(values[first][unit[row]]), str(values[row])))
            found.setdefault(str(table.video[row]), f"two values of {name}: {one!r}, {other!r}")
    return found


def _columns(table: ScoreTable) -> Iterator[tuple[str, Shaped[NDArray[Any], " n"]]]:
    """The columns of :data:`ONE_EACH`."""
    yield "label", np.where(table.is_fake, "fake", "real")
    for name in ONE_EACH[1:]:
        yield name, getattr(table, name)
