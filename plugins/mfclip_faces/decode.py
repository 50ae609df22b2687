"""From CenterFace's four maps to faces (arXiv 1911.03599, section 3).

Every cell of the maps stands for a square of :data:`STRIDE` pixels of the picture. Where the heat
map says that a face's centre is in a cell, three others say where exactly (offset from the cell's
middle, in cells), how large it is (logarithms of height and width, in cells), and where its five
points are (shares of the box, from its upper left corner). All of them have y before x.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy.typing import NDArray

from mfclip.errors import DataError

STRIDE = 4
"""Pixels."""
CHANNELS = (1, 2, 2, 10)
"""Of the heat map, the sizes, the offsets and the points."""
LARGEST = 16.0
"""Of the logarithms of sizes; a damaged network may give anything."""


class Found(NamedTuple):
    """n faces."""

    boxes: Float64[NDArray[Any], "n 4"]
    """left, top, right, bottom; pixels."""
    scores: Float64[NDArray[Any], " n"]
    points: Float64[NDArray[Any], "n 5 2"]
    """x, y; pixels."""

    def only(self, chosen: NDArray[Any]) -> Found:
        """Those of a mask, or at these places."""
        return Found(self.boxes[chosen], self.scores[chosen], self.points[chosen])

    def moved(self, scale: tuple[float, float], by: tuple[float, float]) -> Found:
        """The same in another picture: first ``by`` is added, then both axes are scaled; x, y."""
        shift, factor = np.asarray(by), np.asarray(scale)
        boxes = (self.boxes.reshape(-1, 2, 2) + shift) * factor
        return Found(boxes.reshape(-1, 4), self.scores, (self.points + shift) * factor)


def decode(maps: tuple[Float32[NDArray[Any], "channels rows columns"], ...], least: float) -> Found:
    """Every cell whose heat reaches ``least``, 0-1; neighbours tell one face several times.

    Raises
    ------
    DataError
        Where the maps are not those of this network.
    """
    if tuple(one.shape[0] for one in maps) != CHANNELS or len({m.shape[1:] for m in maps}) != 1:
        raise DataError(
            f"the network gives maps of {[list(one.shape) for one in maps]}; CenterFace gives "
            f"{', '.join(map(str, CHANNELS))} channels of one size"
        )
    heat, size, offset, points = (one.astype(np.float64) for one in maps)
    rows, columns = np.nonzero(heat[0] >= least)
    height, width = STRIDE * np.exp(np.minimum(size[:, rows, columns], LARGEST))
    middle_y = STRIDE * (rows + 0.5 + offset[0, rows, columns])
    middle_x = STRIDE * (columns + 0.5 + offset[1, rows, columns])
    left, top = middle_x - width / 2, middle_y - height / 2
    shares = points[:, rows, columns].reshape(5, 2, -1)  # point, y or x, face
    x, y = left + shares[:, 1] * width, top + shares[:, 0] * height
    return Found(
        np.stack([left, top, left + width, top + height], axis=-1),
        heat[0, rows, columns],
        np.stack([x, y], axis=-1).transpose(1, 0, 2),
    )


def joined(several: list[Found]) -> Found:
    """All in one, in their order."""
    return Found(
        np.concatenate([one.boxes for one in several]),
        np.concatenate([one.scores for one in several]),
        np.concatenate([one.points for one in several]),
    )


def without_doubles(found: Found, overlap: float) -> Found:
    """Non-maximum suppression: the highest score first, whatever shares too much with it falls."""
    order = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        order = rest[~_overlapping(found.boxes[first], found.boxes[rest], overlap)]
    return found.only(np.array(kept, dtype=np.int64))


def _overlapping(
    box: Float64[NDArray[Any], " 4"], boxes: Float64[NDArray[Any], "n 4"], most: float
) -> Bool[NDArray[Any], " n"]:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared
    return np.asarray(shared > most * union)
