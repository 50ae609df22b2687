"""Coordinates of a drawn face, and the soft-edged shapes that are painted with them.

Face units: the origin is between the eyes, 1 is half the width of an average face, x runs to the
right of the picture and y down. The chin of an average face is at y = 1.25.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
"""(h, w), one number a pixel."""
Picture: TypeAlias = NDArray[np.float32]
"""(3, h, w), RGB; linear light in the scene, 0-1 as displayed after the camera."""
Colour: TypeAlias = tuple[float, float, float]
"""RGB in linear light, 0-1."""

TURN = 0.34
"""How far, in face units, a yaw or pitch of 1 moves the middle of the face."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is in the picture and which way it looks."""

    centre: tuple[float, float] = (0.5, 0.48)
    """Column and row of the origin, as shares of the picture's side."""
    scale: float = 0.25
    """Share of the picture's side that one face unit covers."""
    roll: float = 0.0
    """Radians, clockwise."""
    shear: float = 0.0
    """Sideways shift per unit of height."""
    yaw: float = 0.0
    """-1 to 1: looks to the left or right of the picture."""
    pitch: float = 0.0
    """-1 to 1: looks up or down."""

    def matrix(self, side: int) -> NDArray[np.float64]:
        """(2, 2), pixels (column, row) per face unit (x, y)."""
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        rotation = np.array([[cosine, -sine], [sine, cosine]])
        slant = np.array([[1.0, self.shear], [0.0, 1.0]])
        return np.asarray(self.scale * side * rotation @ slant)


@dataclass(frozen=True, slots=True)
class Grid:
    """Face coordinates of a rectangle of pixels."""

    x: Plane
    y: Plane
    pixel: float
    """Side of a pixel in face units: the width of a sharp edge."""
    rows: slice
    columns: slice

    def cut(self, rows: slice, columns: slice) -> Grid:
        """The part of a whole-picture grid inside two slices."""
        return Grid(self.x[rows, columns], self.y[rows, columns], self.pixel, rows, columns)


class View:
    """The grids of one picture: ``body`` stays upright, ``face`` turns with the head."""

    def __init__(self, side: int, pose: Pose) -> None:
        self.side, self.pose = side, pose
        self.matrix = pose.matrix(side)
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        ramp = np.arange(side, dtype=np.float32) + np.float32(0.5)
        column, row = (ramp - np.float32(c * side) for c in pose.centre)
        a = inverse[0, 0] * column[None, :] + inverse[0, 1] * row[:, None]
        b = inverse[1, 0] * column[None, :] + inverse[1, 1] * row[:, None]
        pixel = 1.0 / (pose.scale * side)
        whole = slice(0, side)
        self.body = Grid(a, b, pixel, whole, whole)
        # The middle of a turned head moves further than its rim: parallax of a rounded surface.
        bulge = np.maximum(1 - a * a - (b * b) / 2.1, 0) * np.float32(TURN)
        self.face = Grid(a - pose.yaw * bulge, b - pose.pitch * bulge, pixel, whole, whole)

    def on_face(self, left: float, right: float, top: float, bottom: float) -> Grid:
        """The face grid of the pixels around a box given in face units."""
        dx, dy = TURN * abs(self.pose.yaw), TURN * abs(self.pose.pitch)
        return self.face.cut(*self._slices(left - dx, right + dx, top - dy, bottom + dy))

    def on_body(self, left: float, right: float, top: float, bottom: float) -> Grid:
        """The body grid of the pixels around a box given in face units."""
        return self.body.cut(*self._slices(left, right, top, bottom))

    def _slices(self, left: float, right: float, top: float, bottom: float) -> tuple[slice, slice]:
        (ax, bx), (ay, by) = self.matrix.tolist()
        corners = [(x, y) for x in (left, right) for y in (top, bottom)]
        column, row = (c * self.side for c in self.pose.centre)
        columns = self._span([column + ax * x + bx * y for x, y in corners])
        return self._span([row + ay * x + by * y for x, y in corners]), columns

    def _span(self, places: list[float]) -> slice:
        """The pixels between the outermost places; at least one, all inside the picture."""
        low = min(max(math.floor(min(places)), 0), self.side - 1)
        return slice(low, max(min(math.ceil(max(places)), self.side), low + 1))


def edge(inside: Plane, width: float) -> Plane:
    """Turn a signed distance (positive inside, face units) into coverage 0-1."""
    share: Plane = inside / np.float32(width) + np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def ellipse(
    grid: Grid, centre: tuple[float, float], radii: tuple[float, float], soft: float = 0.0
) -> Plane:
    """Coverage of an ellipse; ``soft`` widens its edge, in face units."""
    u = (grid.x - np.float32(centre[0])) / np.float32(radii[0])
    v = (grid.y - np.float32(centre[1])) / np.float32(radii[1])
    return edge((1 - np.sqrt(u * u + v * v)) * np.float32(min(radii)), max(soft, grid.pixel))


def glow(grid: Grid, centre: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """A bump without an edge: 1 in the centre, 0 outside the ellipse."""
    u = (grid.x - np.float32(centre[0])) / np.float32(radii[0])
    v = (grid.y - np.float32(centre[1])) / np.float32(radii[1])
    bump: Plane = np.maximum(1 - u * u - v * v, 0)
    return bump * bump


def line(distance: Plane, half_width: float | Plane, width: float) -> Plane:
    """Coverage of a stroke around the zero of ``distance``, all in face units."""
    return edge(np.float32(1) * half_width - np.abs(distance), width)


def paint(scene: Picture, grid: Grid, colour: Colour | Picture, coverage: Plane) -> None:
    """Lay a colour over the scene where ``coverage`` says so."""
    # Plane by plane: one stays in the processor's cache, three do not.
    for plane, tone in zip(scene, colour, strict=True):
        region = plane[grid.rows, grid.columns]
        region += coverage * (np.float32(1) * tone - region)


def dim(scene: Picture, grid: Grid, coverage: Plane, by: float) -> None:
    """Take away the share ``by`` of the light under ``coverage``; a negative one adds light."""
    factor = 1 - np.float32(by) * coverage
    for plane in scene:
        plane[grid.rows, grid.columns] *= factor


def column(colour: Colour) -> Picture:
    """A colour as a (3, 1, 1) array, to be spread over planes."""
    return np.array(colour, np.float32)[:, None, None]


def scaled(colour: Colour, by: float) -> Colour:
    """The same colour with more or less light."""
    red, green, blue = colour
    return red * by, green * by, blue * by


def linear(code: str) -> Colour:
    """Linear light of a display colour such as ``"c68863"``."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red**2.2, green**2.2, blue**2.2
