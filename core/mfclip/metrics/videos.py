"""From frames to videos: one score for each video, pooled from its frames' log-odds.

With sharpness a the score of n frames is ``log(mean(exp(a l))) / a``: their mean at a = 0, and the
closer to their maximum the larger a is. It is summed up frame by frame, in constant memory.

Whatever averages frames must refuse an id that stands for several videos, see
:mod:`mfclip.data.videos`, and this does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from mfclip.data.videos import SHARED, require_videos
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.units import units


class RunningPool:
    """A video's log-odds, one frame after the other: the same as :func:`by_video`'s.

    ``sharpness``: a, 0 or above.
    """

    def __init__(self, sharpness: float = 0.0) -> None:
        self.frames, self._sharpness = 0, sharpness
        self._total = -math.inf if sharpness else 0.0

    def add(self, log_odds: float) -> None:
        """One frame that was scored."""
        self.frames += 1
        if self._sharpness:
            self._total = float(np.logaddexp(self._total, self._sharpness * log_odds))
        else:
            self._total += log_odds

    @property
    def log_odds(self) -> float:
        """Of all frames so far; NaN where none was scored."""
        if not self.frames:
            return math.nan
        if self._sharpness:
            return (self._total - math.log(self.frames)) / self._sharpness
        return self._total / self.frames


def has_videos(table: ScoreTable) -> bool:
    """Whether any video has two frames or more, so that videos differ from frames."""
    named = table.video[table.video != ""]
    return bool(np.unique(named).size < named.size)


def by_video(table: ScoreTable, sharpness: float = 0.0) -> ScoreTable:
    """One row a video, in the order of the first frames; images without a video stay as they are.

    ``log_odds`` is of the frames that were scored, pooled with the sharpness; NaN where none was.
    ``path`` is the first frame's.

    Raises:
        DataError: A video id carries both labels, or two forgeries, generators, groups or
            identities: it stands for several videos.
    """
    check_videos(table)
    first, unit = _units(table)
    part = table.where(first)
    return ScoreTable(
        path=part.path,
        log_odds=_pooled(table.log_odds, unit, len(first), sharpness),
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
    columns = {name: getattr(table, name).tolist() for name in SHARED[1:]}
    label = ["fake" if fake else "real" for fake in table.is_fake.tolist()]
    require_videos(table.video.tolist(), {SHARED[0]: label, **columns})


def _units(
    table: ScoreTable,
) -> tuple[Int[NDArray[Any], " units"], Int[NDArray[Any], " n"]]:
    """The first row of each video or single image, in order, and the unit of each row."""
    _, first, unit = np.unique(units(table.video), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[unit]


def _pooled(
    values: Float64[NDArray[Any], " n"],
    unit: Int[NDArray[Any], " n"],
    units: int,
    sharpness: float,
) -> Float64[NDArray[Any], " units"]:
    """The finite values of each unit, pooled."""
    if not sharpness:
        return _means(values, unit, units)
    scaled = np.where(np.isfinite(values), sharpness * values, np.nan)
    highest = np.full(units, -np.inf)
    np.fmax.at(highest, unit, scaled)
    # Less the highest of its unit, no frame can overflow, and one of each is 1.
    with np.errstate(invalid="ignore", divide="ignore"):
        means = _means(np.exp(scaled - highest[unit]), unit, units)
        pooled: Float64[NDArray[Any], " units"] = (np.log(means) + highest) / sharpness
    return pooled


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
