"""CenterFace over pictures of any size: one coarse look at the whole, one in tiles for detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfclip.faces.face import Face, Points
from mfclip_faces.decode import STRIDE, Found, decode, joined, without_doubles
from mfclip_faces.network import Network

MULTIPLE = 32
"""Pixels that both sides of what the network sees are a multiple of."""
FINE = 3
"""How many times larger than the first look the second one is, at most."""
SHARED = 5
"""Neighbouring tiles share a fifth of their side: a face of that size is whole in one of them."""
EDGE = 2.0
"""Pixels from a tile's end inside the picture: a box so close to it is cut."""


@dataclass(frozen=True, slots=True)
class CenterFaceLocator:
    """Picture (3, H, W), uint8, RGB -> faces with their points, the highest score first."""

    network: Network
    score: float
    """Least value of the heat map that is a face."""
    overlap: float
    """Largest share of their union that two faces have in common."""
    side: int
    """Longer side of the first look, and side of the tiles; pixels."""
    detail: bool

    def __call__(self, image: UInt8[Tensor, "3 height width"]) -> list[Face]:
        """The same picture gives the same faces."""
        coarse = without_doubles(self._seen(image, self.side), self.overlap)
        if self.detail and max(image.shape[1:]) > self.side:
            fine = self._details(image)
            fine = fine.only(~_centred_in(fine, coarse))
            coarse = without_doubles(joined([coarse, fine]), self.overlap)
        return list(_faces(coarse))

    def _seen(self, image: UInt8[Tensor, "3 height width"], longest: int) -> Found:
        """Faces of a picture, looked at with its longer side scaled down to so many pixels."""
        small = scaled_down(image, longest)
        height, width = small.shape[1:]
        padded = functional.pad(small, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
        found = decode(self.network(padded.float().numpy()), self.score)
        scale = (image.shape[2] / width, image.shape[1] / height)
        return found.moved(scale, (0, 0))

    def _details(self, image: UInt8[Tensor, "3 height width"]) -> Found:
        """Faces small enough to be whole in a tile of the finer picture."""
        fine = scaled_down(image, FINE * self.side)
        shared = self.side // SHARED
        height, width = fine.shape[1:]
        parts = []
        for top, left in product(
            starts(height, self.side, shared), starts(width, self.side, shared)
        ):
            tile = fine[:, top : top + self.side, left : left + self.side]
            found = self._seen(tile, self.side)
            sides = found.boxes[:, 2:] - found.boxes[:, :2]
            whole = (sides.max(axis=1, initial=0) <= shared) & ~_cut(found, tile, top, left, fine)
            parts.append(found.only(whole).moved((1, 1), (left, top)))
        scale = (image.shape[2] / width, image.shape[1] / height)
        return joined(parts).moved(scale, (0, 0))


def scaled_down(
    image: UInt8[Tensor, "3 height width"], longest: int
) -> UInt8[Tensor, "3 rows columns"]:
    """The picture with its longer side so long, filtered against aliasing; never enlarged."""
    height, width = image.shape[1:]
    factor = longest / max(height, width)
    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in (height, width)]
    return functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def starts(length: int, tile: int, shared: int) -> list[int]:
    """Where tiles begin that cover a length, about evenly; neighbours have ``shared`` in common.

    At whole cells of the network, so that two tiles see a face alike; but for the last one, which
    ends with the picture.
    """
    if length <= tile:
        return [0]
    steps = -(-(length - tile) // (tile - shared - STRIDE))
    evenly = (STRIDE * round(step * (length - tile) / steps / STRIDE) for step in range(steps))
    return [*evenly, length - tile]


def _cut(
    found: Found, tile: Tensor, top: int, left: int, whole: Tensor
) -> Bool[NDArray[Any], " n"]:
    """Which boxes reach an end of the tile that is none of the picture's."""
    (rows, columns), (height, width) = tile.shape[1:], whole.shape[1:]
    x0, y0, x1, y1 = found.boxes.T
    return np.asarray(
        ((x0 < EDGE) & (left > 0))
        | ((y0 < EDGE) & (top > 0))
        | ((x1 > columns - EDGE) & (left + columns < width))
        | ((y1 > rows - EDGE) & (top + rows < height))
    )


def _centred_in(small: Found, large: Found) -> Bool[NDArray[Any], " n"]:
    """Which of the small ones have their centre in a large one's box: that face, or part of it."""
    middle = (small.boxes[:, None, :2] + small.boxes[:, None, 2:]) / 2
    inside = (middle >= large.boxes[None, :, :2]) & (middle <= large.boxes[None, :, 2:])
    return np.asarray(inside.all(axis=2).any(axis=1))


def _faces(found: Found) -> Iterator[Face]:
    for box, score, points in zip(
        found.boxes.tolist(), found.scores.tolist(), found.points.tolist(), strict=True
    ):
        five: Points = tuple(map(tuple, points))  # type: ignore[assignment]
        yield Face(tuple(box), min(1.0, score), five)
