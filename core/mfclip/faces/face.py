"""A face in a picture, and what finds it. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

Box: TypeAlias = tuple[float, float, float, float]
"""left, top, right, bottom; pixels from the picture's upper left corner, right and down."""
Point: TypeAlias = tuple[float, float]
"""x, y; pixels, as a box's. The middle of the first pixel is (0.5, 0.5)."""
Points: TypeAlias = tuple[Point, Point, Point, Point, Point]
"""The eye on the left of an upright picture, the other one, the tip of the nose, the corner of the
mouth on the left, the other one."""


class Face(NamedTuple):
    """One face."""

    box: Box
    """From the forehead to the chin; it may reach beyond the picture."""
    score: float
    """How sure the locator is, 0-1."""
    points: Points | None = None
    """None where the locator tells none."""

    @property
    def width(self) -> float:
        """Of the box, pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Of the box, pixels."""
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        """Of the box, square pixels."""
        return self.width * self.height


class Locates(Protocol):
    """What a locator builds: the same picture always gives the same faces.

    It is called in the processes that decode, of which each may be a fork of this one or start
    anew: it can be pickled, and opens whatever does not outlive that, such as a session of a
    runtime, when it is first called.
    """

    def __call__(self, image: UInt8[Tensor, "3 height width"]) -> Sequence[Face]:
        """Every face in an RGB picture of any size, 0-255, on the CPU; in any order.

        The picture is left as it is. One without a face gives nothing.
        """
