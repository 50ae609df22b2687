"""Faces of a decoded picture: which of them can be scored, and their crops."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.images import UNNAMED, ImageError, ImageStatus
from mfclip.data.scorable import unscorable
from mfclip.faces.face import Face
from mfclip.faces.finder import FaceFinder

_NONE = "no face was found in it; give a picture that shows one, or a crop and --no-faces"


class SeenFace(NamedTuple):
    """One face of a picture. Only one whose status is ``ok`` has a crop."""

    face: Face
    status: ImageStatus = ImageStatus.OK
    reason: str = ""


class Crop(NamedTuple):
    """A face and its pixels."""

    seen: SeenFace
    pixels: UInt8[Tensor, "3 rows columns"] | None


def largest_face(
    finder: FaceFinder, image: UInt8[Tensor, "3 height width"], path: Path = UNNAMED
) -> UInt8[Tensor, "3 rows columns"]:
    """The crop of a picture's largest face: what is trained and evaluated on.

    Raises
    ------
    ImageError
        ``no-face``, or ``small-face`` where the largest is smaller than what is scored.
    """
    faces = finder(image)
    if not faces:
        raise ImageError(path, ImageStatus.NO_FACE, _NONE)
    if finder.is_small(faces[0]):
        raise ImageError(path, ImageStatus.SMALL_FACE, _too_small(finder, faces[0]))
    return finder.crop(image, faces[0])


def every_face(
    finder: FaceFinder, image: UInt8[Tensor, "3 height width"], smallest: int | None = None
) -> list[Crop]:
    """Each face of a picture, the largest first; with crops of those that can be scored.

    ``smallest``: pixels of the shortest side of a crop that is scored; with it, a crop of a single
    colour has a status as well.
    """
    return [_cropped(finder, image, face, smallest) for face in finder(image)]


def no_face() -> tuple[ImageStatus, str]:
    """What there is to say of a picture without a face."""
    return ImageStatus.NO_FACE, _NONE


def of_picture(faces: list[SeenFace] | tuple[SeenFace, ...]) -> tuple[ImageStatus, str]:
    """Status and reason of a picture by its faces, the largest first.

    ``ok`` where one of them can be scored; else those of the largest.
    """
    if not faces:
        return no_face()
    if any(one.status is ImageStatus.OK for one in faces):
        return ImageStatus.OK, ""
    return faces[0].status, faces[0].reason


def _cropped(finder: FaceFinder, image: Tensor, face: Face, smallest: int | None) -> Crop:
    if finder.is_small(face):
        reason = _too_small(finder, face)
        return Crop(SeenFace(face, ImageStatus.SMALL_FACE, reason), None)
    pixels = finder.crop(image, face)
    rows = pixels.movedim(0, -1).contiguous().numpy()
    if smallest is not None and (why := unscorable(rows, smallest)):
        return Crop(SeenFace(face, *why), None)
    return Crop(SeenFace(face), pixels)


def _too_small(finder: FaceFinder, face: Face) -> str:
    return (
        f"a face of {face.width:.0f} x {face.height:.0f} pixels, and the shortest side that is "
        f"scored is {finder.smallest}; give a larger picture of it"
    )


def planes(pixels: object) -> UInt8[Tensor, "3 height width"]:
    """Decoded rows (H, W, 3) as a tensor of their own."""
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.asarray(pixels), -1, -3)))
