"""Fine and coarse texture: noise, strands of hair, weave."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mfclip_sample.draw.grid import Plane


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Plane:
    """Noise without detail below 1/``cells`` of the side; mean about 0, deviation about 1."""
    coarse = rng.standard_normal((cells + 2, cells + 2), dtype=np.float32) * np.float32(1.3)
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def grain(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Noise of the finest scale a scene can hold, about two pixels wide; deviation 1."""
    noise = rng.random((shape[0] + 1, shape[1] + 1), dtype=np.float32)
    pairs = noise[1:] + noise[:-1]
    # The sum of four uniform numbers has mean 2 and variance 1/3.
    return (pairs[:, 1:] + pairs[:, :-1] - np.float32(2)) * np.float32(3**0.5)


def strands(rng: np.random.Generator, across: Plane, each: float) -> Plane:
    """Random stripes that follow a coordinate field, deviation about 1.

    ``across`` counts the way across the strands and ``each`` is the width of one of them, both in
    face units.
    """
    table = rng.standard_normal(1024).astype(np.float32)
    place = across * np.float32(1 / each) + np.float32(4096)
    index = place.astype(np.int32)
    share = place - index
    index &= 1023
    return table[index] + np.diff(table, append=table[:1])[index] * share.astype(np.float32)


def weave(x: Plane, y: Plane, thread: float) -> Plane:
    """Over-and-under pattern of cloth, -1 to 1; ``thread`` is the period in face units."""
    turn = np.float32(2 * np.pi / thread)
    pattern: Plane = np.sin(x * turn) * np.sin(y * turn)
    return pattern
