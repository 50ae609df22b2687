"""Who is drawn: the lasting features of a face, all from one key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfclip_sample.draw.grid import Colour, linear
from mfclip_sample.randomness import Key, stream

SKIN = ("f3d3bd", "edc2a4", "e6b493", "d9a27c", "c98f68", "b57b55", "9c6644", "7d4f33", "5f3a26")
HAIR = ("17120f", "251a14", "3b2618", "543520", "76502d", "a1753f", "c9a468", "8a3f1d", "8d8a86")
IRIS = ("3a2415", "4e3219", "6b4a24", "5d6b3a", "47735f", "4a7391", "7d97a8")
FRAMES = ("141414", "3a2418", "7a1d1d", "6d6f73", "1d2c4a")


@dataclass(frozen=True, slots=True)
class Hair:
    """A haircut. Lengths and offsets in face units."""

    colour: Colour
    length: float
    """0 cropped, 1 to the shoulders."""
    volume: float
    line: float
    """Height of the hairline above the eyes."""
    parting: float
    curl: float
    fringe: bool


@dataclass(frozen=True, slots=True)
class Person:
    """The lasting features of a face. Lengths in face units, shares 0-1."""

    key: Key
    skin: Colour
    hair: Hair
    width: float
    chin: float
    jaw: float
    """0 oval, 1 square."""
    taper: float
    eye_gap: float
    eye_size: float
    eye_slant: float
    iris: Colour
    brow_height: float
    brow_weight: float
    brow_arch: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lips: float
    lip_colour: Colour
    beard: float
    age: float
    freckles: float
    glasses: Colour | None


def draw_person(key: Key) -> Person:
    """The person that belongs to a key."""
    rng = stream(key, "person")
    skin = _skin(rng)
    beard = float(rng.uniform(0.3, 1)) if rng.random() < 0.25 else 0.0
    return Person(
        key=key,
        skin=skin,
        hair=draw_hair(rng, long=0.15 if beard else 0.6),
        width=rng.uniform(0.88, 1.06),
        chin=rng.uniform(1.15, 1.36),
        jaw=rng.uniform(0, 0.75),
        taper=rng.uniform(0.02, 0.2),
        eye_gap=rng.uniform(0.37, 0.46),
        eye_size=rng.uniform(0.17, 0.225),
        eye_slant=rng.uniform(-0.12, 0.16),
        iris=_pick(rng, IRIS, 0.15),
        brow_height=rng.uniform(0.24, 0.34),
        brow_weight=rng.uniform(0.022, 0.06),
        brow_arch=rng.uniform(0.02, 0.1),
        nose_width=rng.uniform(0.17, 0.29),
        nose_length=rng.uniform(0.42, 0.56),
        mouth_width=rng.uniform(0.3, 0.44),
        lips=rng.uniform(0.06, 0.12),
        lip_colour=draw_lip_colour(rng, skin),
        beard=beard,
        age=rng.uniform(0, 1),
        freckles=float(rng.uniform(0.3, 1)) if rng.random() < 0.2 else 0.0,
        glasses=draw_glasses(rng) if rng.random() < 0.2 else None,
    )


def draw_hair(rng: np.random.Generator, long: float = 0.5) -> Hair:
    """A haircut; ``long`` is the chance that it falls below the ears."""
    return Hair(
        colour=_pick(rng, HAIR, 0.2),
        length=rng.uniform(0.5, 1.1) if rng.random() < long else rng.uniform(0, 0.25),
        volume=rng.uniform(0.04, 0.2),
        line=rng.uniform(0.72, 1.0),
        parting=rng.uniform(-0.5, 0.5),
        curl=rng.uniform(0, 1) ** 2,
        fringe=bool(rng.random() < 0.3),
    )


def draw_lip_colour(rng: np.random.Generator, skin: Colour) -> Colour:
    """Lips between the skin's own red and make-up."""
    own = (skin[0] * 0.72, skin[1] * 0.42, skin[2] * 0.42)
    paint = _pick(rng, ("a8323c", "b5485a", "8f2436"), 0.2)
    share = max(0.0, float(rng.uniform(-0.8, 0.8)))
    red, green, blue = (a + share * (b - a) for a, b in zip(own, paint, strict=True))
    return red, green, blue


def draw_glasses(rng: np.random.Generator) -> Colour:
    """The colour of a pair of frames."""
    return _pick(rng, FRAMES, 0.1)


def _skin(rng: np.random.Generator) -> Colour:
    """A tone anywhere between two neighbours of the palette."""
    place = rng.uniform(0, len(SKIN) - 1)
    low = linear(SKIN[int(place)])
    high = linear(SKIN[int(place) + 1])
    share = place - int(place)
    warm = rng.uniform(-0.05, 0.05)
    red, green, blue = (a + share * (b - a) for a, b in zip(low, high, strict=True))
    return red * (1 + warm), green, blue * (1 - warm)


def _pick(rng: np.random.Generator, codes: tuple[str, ...], spread: float) -> Colour:
    red, green, blue = linear(codes[rng.integers(len(codes))])
    factor = rng.uniform(1 - spread, 1 + spread)
    return red * factor, green * factor, blue * factor
