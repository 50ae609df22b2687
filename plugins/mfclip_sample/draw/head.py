"""The head: its outline, the light on it, skin with pores, ears, and the marks of age."""

from __future__ import annotations

import numpy as np

from mfclip_sample.draw.grid import (
    Grid,
    Picture,
    Plane,
    View,
    column,
    dim,
    edge,
    ellipse,
    glow,
    line,
    paint,
    scaled,
)
from mfclip_sample.draw.person import Person
from mfclip_sample.draw.photo import Light
from mfclip_sample.draw.texture import grain, smooth_noise
from mfclip_sample.randomness import stream

SKULL = 1.28
"""Height of the crown above the eyes, face units."""


def roundness(grid: Grid, person: Person) -> Plane:
    """1 on the outline of the head, 0 in its middle, beyond 1 outside."""
    below = np.clip(grid.y / np.float32(person.chin), 0, 1)
    x = grid.x * (1 + np.float32(person.taper) * below) / np.float32(person.width)
    y = np.where(grid.y > 0, grid.y / np.float32(person.chin), grid.y / np.float32(SKULL))
    xx, yy = x * x, y * y
    square = np.where(grid.y > 0, np.float32(0.75 * person.jaw), np.float32(0.3))
    away: Plane = np.sqrt(np.maximum(xx + yy - square * np.minimum(xx * yy, 0.25), 0))
    return away


def lighting(grid: Grid, light: Light) -> Plane:
    """Light that reaches each point of a head-shaped surface, about 0.3-1.1."""
    x, y = grid.x / np.float32(1.25), grid.y / np.float32(1.6)
    # Beyond the rim the light stays what it is on the rim.
    rim = np.sqrt(np.maximum(x * x + y * y, 1))
    x, y = x / rim, y / rim
    z = np.maximum(1 - x * x - y * y, 0)
    right, down, out = light.direction
    facing = np.maximum(x * np.float32(right) + y * np.float32(down) + z * np.float32(out), 0)
    falls: Plane = np.float32(light.ambient) + np.float32(1.1 * (1 - light.ambient)) * facing
    return falls


def skin_surface(view: View, person: Person, photo_rng: np.random.Generator) -> Picture:
    """Unlit skin for the whole picture: blotches, pores, freckles."""
    shape = view.face.x.shape
    blotch = smooth_noise(photo_rng, shape, 9)
    pores = grain(photo_rng, shape)
    tone = 1 + 0.035 * blotch + np.float32(0.025 + 0.03 * person.age) * pores
    skin = tone * column(person.skin)
    if person.freckles:
        spots = smooth_noise(stream(person.key, "freckles"), shape, 60)
        skin *= 1 - np.float32(0.3 * person.freckles) * edge(spots - np.float32(1.4), 0.4)
    skin[1:] *= 1 - np.float32(0.04) * blotch
    return skin


def ears(scene: Picture, view: View, person: Person, skin: Picture) -> None:
    """Two ears with a darker hollow, behind the head's outline."""
    for side in (-1, 1):
        centre = (side * person.width, 0.12 + 0.15 * view.pose.pitch)
        grid = view.on_body(centre[0] - 0.2, centre[0] + 0.2, centre[1] - 0.32, centre[1] + 0.32)
        shape = ellipse(grid, centre, (0.16, 0.28))
        paint(scene, grid, skin[:, grid.rows, grid.columns] * np.float32(0.85), shape)
        dim(scene, grid, glow(grid, (centre[0] + side * 0.02, centre[1]), (0.1, 0.2)), 0.5)


def face(scene: Picture, view: View, person: Person, skin: Picture) -> None:
    """The skin of the face, with warmer cheeks and nose and softly shaded sockets."""
    grid = view.on_body(-1.2, 1.2, -1.4, 1.45)
    surface = skin[:, grid.rows, grid.columns]
    paint(scene, grid, surface, edge(1 - roundness(grid, person), 1.2 * grid.pixel))
    red = column((1.06, 0.86, 0.86))
    for side in (-1, 1):
        spot = view.on_face(side * 0.5 - 0.4, side * 0.5 + 0.4, 0.15, 0.85)
        warm = glow(spot, (side * 0.5, 0.5), (0.38, 0.33))
        scene[:, spot.rows, spot.columns] *= 1 + warm * (red - 1)
        socket = view.on_face(side * 0.42 - 0.4, side * 0.42 + 0.4, -0.3, 0.35)
        dim(scene, socket, glow(socket, (side * 0.42, -0.02), (0.36, 0.28)), 0.28)


def marks_of_age(scene: Picture, view: View, person: Person, smile: float) -> None:
    """Folds from nose to mouth, lines under the eyes and on the forehead."""
    depth = 0.12 + 0.3 * person.age
    grid = view.on_face(-0.8, 0.8, 0.3, 1.0)
    out = np.abs(grid.x) - (0.27 + 0.18 * (grid.y - 0.4) + 0.06 * smile)
    fold = line(out, 0.004, 0.05) * glow(grid, (0.0, 0.62), (0.9, 0.32))
    dim(scene, grid, fold, depth * (0.6 + 0.6 * smile))
    for side in (-1, 1):
        bag = view.on_face(side * 0.42 - 0.3, side * 0.42 + 0.3, 0.0, 0.4)
        sag = bag.y - 0.2 + 0.35 * (bag.x - side * 0.42) ** 2
        dim(scene, bag, line(sag, 0.004, 0.04) * glow(bag, (side * 0.42, 0.2), (0.25, 0.1)), depth)
    forehead = view.on_face(-0.7, 0.7, -0.85, -0.3)
    waves = np.abs(np.sin(forehead.y * 22 + 0.8 * np.sin(forehead.x * 3)))
    creases = edge(np.float32(0.12) - waves, 0.15)
    dim(scene, forehead, creases * glow(forehead, (0.0, -0.55), (0.6, 0.28)), 0.3 * person.age**2)


def beard(scene: Picture, view: View, person: Person, rng: np.random.Generator) -> None:
    """Stubble to full beard: short dark hairs on jaw, chin and upper lip."""
    grid = view.on_face(-1.1, 1.1, 0.1, 1.45)
    shape = edge(1 - roundness(grid, person), 0.05)
    wide: Plane = np.abs(grid.x)
    cheeks = np.float32(0.5) + np.float32(0.55) * glow(grid, (0.0, 0.4), (0.75, 0.8))
    low: Plane = grid.y - cheeks + np.float32(0.9) * wide * wide * wide
    jaw = edge(low, 0.25)
    lip = glow(grid, (0.0, 0.62), (0.45, 0.13)) * 1.4
    hairs = np.clip(0.65 + 0.45 * grain(rng, grid.x.shape), 0, 1)
    cover = np.clip(jaw + lip, 0, 1) * shape * hairs * np.float32(0.35 + 0.55 * person.beard)
    paint(scene, grid, scaled(person.hair.colour, 0.5), cover)


def shine(scene: Picture, view: View, person: Person, light: Light) -> None:
    """Soft highlights on forehead, nose and cheeks, on the side of the lamp."""
    right = light.direction[0]
    red, green, blue = (0.25 + 0.75 * tone for tone in person.skin)
    white = (red, green, blue)
    for centre, radii, force in (
        ((0.35 * right, -0.55), (0.4, 0.25), 0.16),
        ((0.05 * right, 0.32), (0.07, 0.12), 0.25),
        ((0.5 * right, 0.28), (0.22, 0.16), 0.14),
    ):
        grid = view.on_face(
            centre[0] - radii[0], centre[0] + radii[0], centre[1] - radii[1], centre[1] + radii[1]
        )
        paint(scene, grid, white, glow(grid, centre, radii) * np.float32(force))
