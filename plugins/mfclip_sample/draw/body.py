"""Neck, shoulders and clothes."""

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
    glow,
    linear,
    paint,
)
from mfclip_sample.draw.texture import grain, smooth_noise, weave

CLOTHES = (
    "1f2a38", "e9e6df", "7b2d2d", "3c5a3f", "c7a34a", "59606b", "26262a",
    "9fb7cf", "8a6f9e", "d07a4a", "2f5d73", "b9b1a0",
)  # fmt: skip


def neck(scene: Picture, view: View, skin: Picture, chin: float) -> None:
    """The neck, in the head's shadow right under the chin."""
    grid = view.on_body(-0.8, 0.8, 0.4, 2.6)
    half = np.float32(0.5) + np.float32(0.12) * np.maximum(grid.y - np.float32(1.35), 0) ** 2
    shape = edge(half - np.abs(grid.x), 2 * grid.pixel) * edge(grid.y - 0.4, 0.1)
    away = grid.x / half
    round_off = np.clip(1.05 - 0.9 * away * away, 0.25, 1) * np.float32(0.8)
    paint(scene, grid, skin[:, grid.rows, grid.columns] * round_off, shape)
    dim(scene, grid, glow(grid, (0.0, chin - 0.02), (0.75, 0.42)) * shape, 0.55)


def clothes(scene: Picture, view: View, rng: np.random.Generator) -> None:
    """Shoulders in one of several fabrics, with a V neckline."""
    grid = view.on_body(-3, 3, 1.4, 3)
    wide = np.abs(grid.x)
    beyond = np.maximum(wide - np.float32(0.5), 0)
    top = np.float32(rng.uniform(1.5, 1.62)) + np.float32(0.2) * beyond * np.sqrt(beyond)
    depth, narrow = rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.9)
    neckline = np.float32(1.6 + depth) - np.float32(depth / narrow) * wide
    inside = np.minimum(grid.y - top, grid.y - neckline)
    seam = edge(np.float32(0.05) - np.abs(inside - np.float32(0.06)), 2 * grid.pixel)
    paint(scene, grid, _fabric(rng, grid) * (1 - 0.25 * seam), edge(inside, grid.pixel))


def _fabric(rng: np.random.Generator, grid: Grid) -> Picture:
    base, other = _colour(rng), _colour(rng)
    share = _pattern(rng, grid)
    cloth = weave(grid.x, grid.y, rng.uniform(0.035, 0.09))
    rough = 0.14 * cloth + 0.05 * grain(rng, grid.x.shape)
    return (base + share * (other - base)) * (1 + 0.16 * smooth_noise(rng, grid.x.shape, 6) + rough)


def _pattern(rng: np.random.Generator, grid: Grid) -> Plane:
    """Share of the second colour: plain, striped or checked."""
    kind = rng.integers(4)
    if kind == 1:
        return edge(np.sin(grid.y * np.float32(rng.uniform(14, 40))), 0.5)
    if kind == 2:
        turn = np.float32(rng.uniform(12, 26))
        checks = edge(np.sin(grid.x * turn), 0.6) + edge(np.sin(grid.y * turn), 0.6)
        return checks * np.float32(0.5)
    return np.zeros_like(grid.x)


def _colour(rng: np.random.Generator) -> Picture:
    return column(linear(CLOTHES[rng.integers(len(CLOTHES))]))
