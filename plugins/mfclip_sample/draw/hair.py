"""Hair behind the head, over the forehead, and its strands."""

from __future__ import annotations

import numpy as np

from mfclip_sample.draw.grid import Grid, Picture, Plane, View, column, dim, edge, paint
from mfclip_sample.draw.head import SKULL
from mfclip_sample.draw.person import Hair, Person
from mfclip_sample.draw.texture import strands
from mfclip_sample.randomness import Key, stream


def behind(scene: Picture, view: View, person: Person, key: Key) -> None:
    """What falls behind face and neck."""
    hair, reach = person.hair, 0.4 + (1.5 * person.hair.length if person.hair.length > 0.3 else 0)
    grid = view.on_body(-1.45, 1.45, -1.6, reach)
    rng = stream(key, "hair behind")
    sway = np.float32(0.12 * hair.curl) * np.sin(grid.y * 7 + np.float32(rng.uniform(0, 6)))
    across = grid.x + sway * np.sign(grid.x)
    fine = strands(rng, across * 1.2 + 0.15 * sway, 0.02)
    ragged = np.float32(0.02 + 0.05 * hair.curl) * fine
    shape = edge(_cap(grid, person) + ragged, 0.03)
    if hair.length > 0.3:
        half = person.width + hair.volume + np.float32(0.1) * np.clip(grid.y, -0.5, 1)
        end = np.float32(reach - 0.15) - grid.y + 2 * ragged
        fall = edge(half - np.abs(across) + ragged, 0.03) * edge(end, 0.06)
        shape = np.maximum(shape, fall * edge(grid.y + 0.3, 0.2))
    paint(scene, grid, _surface(hair, fine, grid.y) * np.float32(0.75), shape)


def before(scene: Picture, view: View, person: Person, key: Key) -> None:
    """What lies on the skull and the forehead, and frames the face."""
    hair = person.hair
    grid = view.on_face(-1.3, 1.3, -1.6, 0.4)
    body = view.body.cut(grid.rows, grid.columns)
    rng = stream(key, "hair before")
    away = grid.x - np.float32(hair.parting)
    angle = away / np.maximum(grid.y + np.float32(SKULL + 0.75), 0.1)
    curl = np.float32(0.05 * hair.curl) * np.sin(grid.y * 9 + 3 * angle)
    fine = strands(rng, angle + curl, 0.018)
    thick = strands(rng, angle + curl, 0.07)
    low = _hang(grid, person, away) - np.float32(hair.line)
    rough = np.float32((1 if hair.fringe else 0.5) * (1 + hair.curl))
    ragged = rough * (np.float32(0.03) * fine + np.float32(0.05) * thick)
    inside = np.minimum(_cap(body, person) + 0.3 * ragged, low - grid.y + ragged)
    dim(scene, grid, edge(inside + np.float32(0.06), 0.16) * edge(grid.y + 1.3, 0.2), 0.35)
    surface = _surface(hair, 0.7 * fine + 0.5 * thick, grid.y + 0.7)
    paint(scene, grid, surface, edge(inside, 0.035))


def _cap(grid: Grid, person: Person) -> Plane:
    """Signed distance to the outline of the hair on the skull; negative outside."""
    hair = person.hair
    wide, high = person.width + hair.volume * 0.8, SKULL + hair.volume
    u, v = grid.x / np.float32(wide), (grid.y + 0.05) / np.float32(high)
    inside: Plane = np.minimum(1 - np.sqrt(u * u + v * v), np.float32(0.35) - grid.y)
    return inside


def _hang(grid: Grid, person: Person, away: Plane) -> Plane:
    """How far below the hairline the hair reaches: at the temples, and over the forehead."""
    hair = person.hair
    wide: Plane = np.abs(grid.x)
    temple: Plane = wide / np.float32(person.width) - np.float32(0.62)
    reach = np.float32(1.3 + 2.1 * min(hair.length, 1))
    side: Plane = np.clip(temple, 0, 0.6, out=temple) * reach
    if hair.fringe:
        side += np.float32(hair.line - 0.4)
        return side
    side += np.float32(0.3) * np.minimum(away * away, 1)
    return side


def _surface(hair: Hair, fine: Plane, height: Plane) -> Picture:
    """Coloured strands with a soft band of reflected light."""
    offset = height + np.float32(0.25)
    band = np.float32(0.5) / (1 + 14 * offset * offset)
    tone = np.clip(0.85 + 0.33 * fine, 0.2, 2) * (1 + band)
    shine = np.float32(0.012) * np.clip(1 + fine, 0, 3) * (0.4 + band)
    strands_: Picture = tone * column(hair.colour) + shine
    return strands_
