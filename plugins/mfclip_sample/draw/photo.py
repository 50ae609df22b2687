"""How a photo was taken: pose, light and expression, all from one key."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfclip_sample.draw.grid import Colour, Pose
from mfclip_sample.randomness import Key, stream


@dataclass(frozen=True, slots=True)
class Light:
    """The light on the face."""

    direction: tuple[float, float, float]
    """Towards the lamp: right, down, out of the picture; length 1."""
    ambient: float
    """Share of the light that comes from everywhere."""
    tint: Colour
    """Its colour, mean 1."""
    exposure: float


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does; all 0-1 but gaze, -1 to 1."""

    smile: float
    mouth_open: float
    eyes_open: float
    brows_up: float
    gaze: float


@dataclass(frozen=True, slots=True)
class Photo:
    """Everything about one photo that does not belong to the person."""

    key: Key
    pose: Pose
    light: Light
    expression: Expression


def draw_photo(key: Key) -> Photo:
    """The photo that belongs to a key."""
    rng = stream(key, "photo")
    return Photo(key, _pose(rng), _light(rng), draw_expression(rng))


def draw_expression(rng: np.random.Generator) -> Expression:
    """An expression, from neutral to laughing."""
    smile = rng.uniform(0, 1)
    return Expression(
        smile=smile,
        mouth_open=max(0.0, rng.uniform(-0.8, 1.0)) * (0.4 + 0.6 * smile),
        eyes_open=rng.uniform(0.65, 1) - 0.2 * smile,
        brows_up=rng.uniform(0, 1) ** 2,
        gaze=rng.uniform(-0.8, 0.8),
    )


def _pose(rng: np.random.Generator) -> Pose:
    return Pose(
        centre=(rng.normal(0.5, 0.015), rng.normal(0.475, 0.015)),
        scale=rng.uniform(0.235, 0.275),
        roll=rng.normal(0, 0.09),
        shear=rng.normal(0, 0.03),
        yaw=float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)),
        pitch=float(np.clip(rng.normal(0, 0.2), -0.5, 0.5)),
    )


def _light(rng: np.random.Generator) -> Light:
    side = rng.uniform(-1.1, 1.1)
    height = rng.uniform(-0.9, 0.1)
    length = math.sqrt(side**2 + height**2 + 1)
    warmth = rng.normal(0, 0.08)
    return Light(
        direction=(side / length, height / length, 1 / length),
        ambient=rng.uniform(0.3, 0.6),
        tint=(1 + warmth, 1.0, 1 - warmth),
        exposure=float(np.exp(rng.normal(0, 0.15))),
    )
