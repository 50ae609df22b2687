"""Eyes, brows, nose, mouth and glasses."""

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
    linear,
    paint,
    scaled,
)
from mfclip_sample.draw.person import Person
from mfclip_sample.draw.photo import Expression
from mfclip_sample.draw.texture import strands
from mfclip_sample.randomness import stream


def eyes(scene: Picture, view: View, person: Person, now: Expression) -> None:
    """Both eyes: ball, iris, pupil, catchlight, lids and lashes."""
    for side in (-1, 1):
        reach = 1.9 * person.eye_size
        grid = view.on_face(
            side * person.eye_gap - reach, side * person.eye_gap + reach, -reach, reach
        )
        _eye(scene, grid, side, person, now)


def _eye(scene: Picture, grid: Grid, side: int, person: Person, now: Expression) -> None:
    size = person.eye_size
    u = (grid.x - side * person.eye_gap) / np.float32(size)
    v = grid.y / np.float32(size) + np.float32(side * person.eye_slant) * u
    bow = 1 - u * u
    upper: Plane = v + np.float32(0.55 * now.eyes_open) * bow
    lower: Plane = np.float32(0.36 * now.eyes_open) * bow - v
    soft = grid.pixel / size
    opening = edge(np.minimum(upper, lower), 1.5 * soft)
    away = np.hypot(u - np.float32(0.25 * now.gaze), v + np.float32(0.04))
    ball = _ball(grid, u, v, away, person, soft)
    # The upper lid throws a shadow on the ball.
    ball *= 0.55 + 0.45 * np.clip(upper / np.float32(0.3), 0, 1)
    paint(scene, grid, ball, opening)
    lashes = linear("140d0a")
    near = edge(np.float32(1.05) - np.abs(u), 0.2)
    paint(scene, grid, lashes, line(upper, 0.035 + 0.05 * np.clip(side * u, 0, 1), 0.1) * near)
    dim(scene, grid, line(lower, 0.02, 0.12) * near, 0.35)
    crease = line(upper - np.float32(-0.28), 0.02, 0.14) * edge(np.float32(1.15) - np.abs(u), 0.3)
    dim(scene, grid, crease, 0.42)


def _ball(grid: Grid, u: Plane, v: Plane, away: Plane, person: Person, soft: float) -> Picture:
    ball = column((0.62, 0.58, 0.56)) * (1.05 - 0.3 * u * u)
    rays = strands(stream(person.key, "iris"), np.arctan2(v, u), 0.16)
    tone = (1 + 0.25 * rays) * (1.25 - 0.9 * edge(away - 0.4, 0.12))
    iris = tone * column(person.iris)
    ball = ball + edge(np.float32(0.46) - away, 2 * soft) * (iris - ball)
    ball = ball * (1 - edge(np.float32(0.19) - away, 2 * soft))
    light = edge(np.float32(0.1) - np.hypot(u - 0.1, v + 0.16), 2 * soft)
    lit: Picture = ball + light * (1 - ball)
    return lit


def brows(scene: Picture, view: View, person: Person, now: Expression) -> None:
    """Two brows of single hairs."""
    colour = scaled(person.hair.colour, 0.75)
    height = -person.brow_height - 0.08 * now.brows_up
    for side in (-1, 1):
        middle = side * (person.eye_gap + 0.02)
        grid = view.on_face(middle - 0.34, middle + 0.34, height - 0.2, height + 0.2)
        u = side * (grid.x - np.float32(middle)) / np.float32(0.28)
        curve = np.float32(height) - np.float32(person.brow_arch) * (1 - (u - 0.1) ** 2)
        body = person.brow_weight * np.clip(1.1 - 0.5 * u, 0.3, 1.2) * edge(1 - np.abs(u), 0.3)
        lean = grid.x * side * np.float32(0.8) + grid.y * np.float32(1.3)
        hairs = np.clip(0.7 + 0.35 * strands(stream(person.key, "brows"), lean, 0.02), 0, 1)
        paint(scene, grid, colour, line(grid.y - curve, body, 0.045) * hairs * edge(body, 0.01))


def nose(scene: Picture, view: View, person: Person, side_light: float) -> None:
    """Bridge, tip, wings and nostrils, modelled by shadow and light."""
    wide, tip = person.nose_width, person.nose_length
    grid = view.on_face(-0.5, 0.5, -0.3, tip + 0.25)
    along = np.clip((grid.y + 0.15) / np.float32(tip), 0, 1)
    ridge = np.float32(0.07) + np.float32(wide - 0.09) * along**2
    fade = glow(grid, (0.0, tip * 0.45), (0.55, 0.75))
    shadow_side = -1.0 if side_light > 0 else 1.0
    for side in (-1.0, 1.0):
        flank = line(grid.x - side * ridge, 0.02, 0.16) * fade
        dim(scene, grid, flank, 0.34 if side == shadow_side else 0.14)
    dim(scene, grid, line(grid.x, 0.02, 0.1) * fade * along, -0.16)
    dim(scene, grid, glow(grid, (0.0, tip + 0.1), (wide * 1.1, 0.1)), 0.4)
    for side in (-1.0, 1.0):
        wing = np.hypot(grid.x - side * wide * 0.78, (grid.y - tip + 0.05) * 1.1)
        arc = line(wing - 0.1, 0.004, 0.035) * edge(side * grid.x - wide * 0.7, 0.08)
        dim(scene, grid, arc, 0.45)
        hole = ellipse(grid, (side * wide * 0.42, tip + 0.015), (wide * 0.24, 0.035), 0.03)
        paint(scene, grid, linear("2a1210"), hole * np.float32(0.75))


def mouth(scene: Picture, view: View, person: Person, now: Expression) -> None:
    """Lips with their grooves, and teeth where the mouth is open."""
    centre = 0.78 + 0.12 * (person.chin - 1.25)
    half = person.mouth_width * (1 + 0.22 * now.smile)
    grid = view.on_face(-half - 0.1, half + 0.1, centre - 0.3, centre + 0.4)
    u: Plane = grid.x / np.float32(half)
    bow: Plane = np.maximum(1 - u * u, 0)
    corner = np.float32(0.12 * now.smile) * (u * u - 0.4)
    v: Plane = grid.y - np.float32(centre) + corner
    gap: Plane = np.float32(0.13 * now.mouth_open) * bow
    cupid = 1 - 0.35 * np.exp(-((u / 0.16) ** 2))
    top = v + np.float32(0.8 * person.lips) * np.sqrt(bow) * cupid + 0.3 * gap
    bottom = np.float32(1.15 * person.lips) * bow + gap - v
    lips = edge(np.minimum(top, bottom), 0.02) * edge(1 - np.abs(u), 0.06)
    grooves = strands(stream(person.key, "lips"), grid.x, 0.018)
    shape = np.clip(1.1 - 1.2 * np.abs(v - 0.4 * gap) / (person.lips + 0.1), 0.55, 1.1)
    surface = shape * (1 + 0.07 * grooves) * column(person.lip_colour)
    paint(scene, grid, surface, lips)
    dim(scene, grid, glow(grid, (0.0, centre + 0.24), (half * 0.8, 0.09)), 0.22)
    _inside(scene, grid, u, v, gap)


def _inside(scene: Picture, grid: Grid, u: Plane, v: Plane, gap: Plane) -> None:
    """The line between the lips, or the dark mouth with its teeth."""
    opening = edge(np.minimum(v + 0.3 * gap, 0.85 * gap - v), grid.pixel)
    paint(scene, grid, linear("3a1212"), opening * edge(gap, 0.02))
    teeth = edge(np.minimum(v + 0.28 * gap, 0.45 * gap - v), grid.pixel)
    apart = 1 - 0.35 * edge(np.float32(0.1) - np.abs(np.sin(u * 11)), 0.15)
    tooth = apart * (1 - 0.35 * u * u) * column(linear("e8e0d2"))
    paint(scene, grid, tooth, teeth * edge(gap - 0.02, 0.02))
    closed = line(v, 0.008, 0.02) * edge(1 - np.abs(u), 0.1) * (1 - edge(gap, 0.02))
    dim(scene, grid, closed, 0.7)


def glasses(scene: Picture, view: View, person: Person) -> None:
    """Frames, a bridge, and a faint reflection on each lens."""
    if person.glasses is None:
        return
    grid = view.on_face(-1.1, 1.1, -0.4, 0.45)
    rim = np.zeros_like(grid.x)
    for side in (-1, 1):
        u, v = (grid.x - side * (person.eye_gap + 0.01)) / 0.33, (grid.y - 0.03) / 0.25
        u, v = u * u, v * v
        radius = np.sqrt(np.sqrt(u * u + v * v))
        rim = np.maximum(rim, line(radius - 1, 0.06, grid.pixel * 4))
        slant = glow(grid, (side * person.eye_gap + 0.1, -0.05), (0.2, 0.12))
        dim(scene, grid, slant * edge(1 - radius, 0.05), -0.25)
    bridge = line(grid.y + 0.03 + 0.3 * grid.x**2, 0.016, grid.pixel * 2) * edge(
        np.float32(person.eye_gap - 0.31) - np.abs(grid.x), 0.02
    )
    arms = line(grid.y + 0.05, 0.02, grid.pixel * 2) * edge(
        np.abs(grid.x) - np.float32(person.eye_gap + 0.33), 0.02
    ) * edge(np.float32(person.width) - np.abs(grid.x), 0.05)  # fmt: skip
    paint(scene, grid, person.glasses, np.maximum(rim, np.maximum(bridge, arms)))
