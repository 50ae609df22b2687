"""What a fake and the photo that it was made from say together: the photo, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from mfclip.data.images import decode
from mfclip.data.source import Source
from mfclip_data.column import ReadsColumn

PHOTO, MASK = "counterpart", "mask"
"""Columns that are read."""
WHITE = 255


def photo_of(source: Source) -> UInt8[Tensor, "3 height width"] | None:
    """The photo that an image was made from, at the image's size; a real image is its own.

    None for a fake whose photo is not known. Raises :class:`mfclip.errors.ImageError` where the
    photo cannot be read.
    """
    if source.is_fake is False:
        return source.image
    name = source.cells.get(PHOTO, "")
    if not name:
        return None
    photo = torch.from_numpy(decode((source.root or Path()) / name)).permute(2, 0, 1)
    size = source.image.shape[-2:]
    if photo.shape[-2:] == size:
        return photo.contiguous()
    pixels = photo[None].float()
    resized = functional.interpolate(pixels, tuple(size), mode="bilinear", antialias=True)
    return resized[0].round_().clamp_(0, WHITE).to(torch.uint8)


@dataclass(frozen=True, slots=True)
class ReadsPhoto:
    """Source -> the photo that it was made from, (3, h, w), uint8."""

    def __call__(self, source: Source) -> UInt8[Tensor, "3 height width"]:
        """The image itself where it is real, or where its photo is not known."""
        photo = photo_of(source)
        return source.image.clone() if photo is None or photo is source.image else photo


@dataclass(frozen=True, slots=True)
class KnowsPhoto:
    """Source -> whether its photo is known, (1,), float32."""

    def __call__(self, source: Source) -> Float32[Tensor, " 1"]:
        """1 for reals and for fakes with a photo, else 0."""
        known = source.is_fake is False or bool(source.cells.get(PHOTO, ""))
        return torch.tensor([float(known)])


@dataclass(frozen=True, slots=True)
class MasksForgery:
    """Source -> where it was forged, (1, h, w), uint8."""

    threshold: float
    radius: float
    smallest: float

    def __call__(self, source: Source) -> UInt8[Tensor, "1 height width"]:
        """Black of a real; the data's own mask, or what differs from the photo; else white."""
        size = source.image.shape[-2:]
        if source.is_fake is False:
            return torch.zeros(1, *size, dtype=torch.uint8)
        if source.cells.get(MASK, ""):
            return ReadsColumn(MASK, 1)(source)
        photo = photo_of(source)
        if photo is None:
            return torch.full((1, *size), WHITE, dtype=torch.uint8)
        found = self.differs(photo.numpy() / WHITE, source.image.numpy() / WHITE)
        return torch.from_numpy(found[None].astype(np.uint8) * WHITE)

    def differs(
        self,
        photo: Float[NDArray[np.float64], "3 height width"],
        fake: Float[NDArray[np.float64], "3 height width"],
    ) -> Bool[NDArray[np.bool_], "height width"]:
        """Where two images, 0-1, are not the same, without specks and holes."""
        height, width = photo.shape[-2:]
        radius = self.radius * min(height, width)
        difference = ndimage.gaussian_filter(np.abs(photo - fake).mean(0), radius)
        disc = _disc(max(1, round(radius)))
        mask = ndimage.binary_fill_holes(_smoothed(difference > self.threshold, disc))
        return _without_specks(mask, self.smallest * height * width)


def _smoothed(
    mask: Bool[NDArray[np.bool_], "height width"], disc: Bool[NDArray[np.bool_], "side side"]
) -> Bool[NDArray[np.bool_], "height width"]:
    """Opened, then closed; the mask goes on beyond the border as in a mirror."""
    margin = 2 * len(disc)  # reaches beyond what the four passes of the disc see
    wide = np.pad(mask, margin, mode="symmetric")
    wide = ndimage.binary_closing(ndimage.binary_opening(wide, disc), disc)
    return np.asarray(wide[margin:-margin, margin:-margin])


def _without_specks(
    mask: Bool[NDArray[np.bool_], "height width"], smallest: float
) -> Bool[NDArray[np.bool_], "height width"]:
    """Only pieces (neighbours at a corner count) of at least so many pixels."""
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    large = np.bincount(pieces.ravel()) >= smallest
    large[0] = False  # what is not of any piece
    return np.asarray(large[pieces])


def _disc(radius: int) -> Bool[NDArray[np.bool_], "side side"]:
    down, right = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(down**2 + right**2 <= radius**2)
