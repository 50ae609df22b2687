"""What is behind the person: five kinds of surroundings, in focus or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from mfclip_sample.draw.grid import Picture, Plane, column, linear
from mfclip_sample.draw.texture import grain, smooth_noise, weave

COLOURS = (
    "8d99a6", "b8b2a7", "5f6f65", "3d4a5c", "a88d78", "c9c4bb",
    "6d4c41", "7a8f7b", "39424e", "9c5b4a", "d8cfc0", "4c6a88",
)  # fmt: skip


def backdrop(rng: np.random.Generator, side: int) -> Picture:
    """A (3, side, side) scene without a person."""
    scene = KINDS[rng.integers(len(KINDS))](rng, side)
    blur = int(rng.integers(-1, 3))
    if blur > 0:
        scene = ndimage.uniform_filter(scene, size=(1, 2 * blur + 1, 2 * blur + 1))
    falloff = smooth_noise(rng, (side, side), 2) * np.float32(0.12) + np.float32(1)
    shaded: Picture = scene * np.clip(falloff, 0.4, 1.6)
    return shaded


def _wall(rng: np.random.Generator, side: int) -> Picture:
    """Plaster: one colour, coarse patches and a fine rough surface."""
    shape = (side, side)
    rough = 0.05 * smooth_noise(rng, shape, 40) + 0.06 * grain(rng, shape)
    return _tinted(rng, 1 + rough)


def _bricks(rng: np.random.Generator, side: int) -> Picture:
    """Rows of bricks, each second row shifted, each brick a little different."""
    high = side / rng.uniform(12, 20)
    ramp = np.arange(side, dtype=np.float32) / np.float32(high)
    course = np.floor(ramp)[:, None]
    along = ramp[None, :] / np.float32(2.2) + course * np.float32(0.5)
    brick = np.floor(along)
    tones = rng.standard_normal(512).astype(np.float32)
    tone = tones[(course * 31 + brick * 17).astype(np.int32) & 511]
    joint = (ramp[:, None] - course < 0.14) | (along - brick < 0.06)
    surface = np.where(joint, np.float32(1.25), 1 + np.float32(0.12) * tone)
    return _tinted(rng, surface + 0.06 * grain(rng, (side, side)))


def _curtain(rng: np.random.Generator, side: int) -> Picture:
    """Vertical folds of woven cloth."""
    ramp = np.arange(side, dtype=np.float32) / np.float32(side)
    drop, across = ramp[:, None], ramp[None, :]
    sway = across + np.float32(0.02) * np.sin(drop * np.float32(rng.uniform(2, 6)))
    folds = np.sin(sway * np.float32(rng.uniform(25, 70)) + 3 * np.sin(across * 9))
    cloth = weave(across, drop, rng.uniform(0.012, 0.03))
    return _tinted(rng, 1 + 0.3 * folds + 0.08 * cloth)


def _leaves(rng: np.random.Generator, side: int) -> Picture:
    """Foliage: three scales of noise between a dark and a light green."""
    shape = (side, side)
    cells = int(rng.integers(14, 30))
    mix = smooth_noise(rng, shape, cells) + smooth_noise(rng, shape, 3 * cells)
    share = np.clip(0.5 + 0.4 * mix + 0.12 * grain(rng, shape), 0, 1)
    dark, light = column(linear("27402a")), column(linear("7d9a58"))
    leaves: Picture = (dark + share * (light - dark)) * np.float32(rng.uniform(0.6, 1.3))
    return leaves


def _lamps(rng: np.random.Generator, side: int) -> Picture:
    """A dark street with out-of-focus lamps."""
    scene = _tinted(rng, 0.35 + 0.02 * grain(rng, (side, side)))
    for _ in range(int(rng.integers(6, 14))):
        radius = side * rng.uniform(0.02, 0.07)
        row, left = (int(p) for p in rng.uniform(-radius, side, 2))
        spot = scene[:, max(row, 0) : row + int(2 * radius), max(left, 0) : left + int(2 * radius)]
        spot += np.float32(0.7) * _colour(rng) * _disc(spot.shape[1], spot.shape[2])
    return scene


def _disc(height: int, width: int) -> Plane:
    """A bright ellipse that fills its rectangle, with a soft edge."""
    row, column_ = np.linspace(-1, 1, max(height, 1)), np.linspace(-1, 1, max(width, 1))
    away = np.hypot(row[:height, None], column_[None, :width])
    return np.asarray(np.clip((1 - away) * 5, 0, 1), np.float32)


KINDS: tuple[Callable[[np.random.Generator, int], Picture], ...] = (
    _wall,
    _bricks,
    _curtain,
    _leaves,
    _lamps,
)


def _tinted(rng: np.random.Generator, surface: Plane) -> Picture:
    scene: Picture = _colour(rng) * surface
    return scene


def _colour(rng: np.random.Generator) -> Picture:
    return column(linear(COLOURS[rng.integers(len(COLOURS))]))
