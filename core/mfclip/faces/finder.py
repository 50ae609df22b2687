"""A locator with what a recipe says of its crops: the one way from a picture to faces.

Training, scoring and evaluation use it, and so may whoever has pictures in memory::

    finder = mfclip.load("bundle").finder
    for face in finder(image):  # (3, H, W), uint8, RGB
        crop = finder.crop(image, face)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfclip.faces.face import Box, Face, Locates

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class FaceFinder:
    """Finds the faces of a picture and cuts them out."""

    locate: Locates
    margin: float = 0.15
    """Share of the crop's side that is added at each end."""
    align: bool = False
    """Whether crops are turned to the five points."""
    smallest: int = 32
    """Pixels of the shorter side of the smallest face that is scored."""

    def __call__(self, image: UInt8[Tensor, "3 height width"]) -> list[Face]:
        """Every face of a picture on the CPU, the largest first, boxes cut to the picture.

        Small ones are among them, see :meth:`is_small`.
        """
        height, width = image.shape[1:]
        cut = [face._replace(box=_inside(face.box, width, height)) for face in self.locate(image)]
        seen = [face for face in cut if face.width > 0 and face.height > 0]
        return sorted(seen, key=lambda face: (-face.area, face.box))

    def is_small(self, face: Face) -> bool:
        """Whether it is too small to be scored."""
        return min(face.width, face.height) < self.smallest

    def crop(
        self, image: UInt8[Tensor, "3 height width"], face: Face
    ) -> UInt8[Tensor, "3 rows columns"]:
        """A face as the detector is to see it, at the picture's own scale.

        A face without points is cut out along its box, also where crops are to be turned.
        """
        from mfclip.faces.crop import aligned, boxed

        if self.align and face.points is not None:
            return aligned(image, face.points, self.margin)
        return boxed(image, face.box, self.margin)


def _inside(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
