"""From a scene to a photo: lens, sensor with colour mosaic and noise, demosaicing, tone curve.

A forging pipeline sees the same lens, exposure, white balance and tone curve (:meth:`Camera.show`)
but no sensor, as a generator trained on photos would reproduce their look and not their noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfclip_sample.draw.grid import Picture, Plane, column
from mfclip_sample.randomness import Key, stream

LEVELS = 4096
"""Steps of the converter: 12 bits."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera with its settings for one photo."""

    blur: float
    """Standard deviation of the lens blur, scene pixels."""
    full_well: float
    """Electrons of a white pixel: fewer means more shot noise."""
    read_noise: float
    """Standard deviation of the read-out noise, share of white."""
    brightness: float
    """What the meter aims at: mean of the picture in linear light."""
    balance: tuple[float, float, float]
    """What is left of a colour cast after white balance; gains of R, G, B."""
    contrast: float
    """Strength of the S in the tone curve."""

    def photograph(self, scene: Picture, gain: float, rng: np.random.Generator) -> Picture:
        """The photo, 0-1 as displayed, with every trace of a sensor."""
        raw = mosaic(self._through_lens(scene, gain))
        light = np.maximum(raw, 0)
        noise = rng.standard_normal(raw.shape, dtype=np.float32)
        raw = raw + noise * np.sqrt(light / np.float32(self.full_well) + self.read_noise**2)
        return self._displayed(demosaic(np.clip(raw, 0, 1)))

    def show(self, scene: Picture, gain: float) -> Picture:
        """The same look without a sensor: no mosaic, no noise."""
        return self._displayed(self._through_lens(scene, gain))

    def meter(self, scene: Picture) -> float:
        """The exposure that brings the scene to the wanted mean and burns few highlights."""
        seen = scene[:, ::4, ::4]
        highlight = float(np.quantile(seen, 0.97))
        return min(self.brightness / float(seen.mean()), 0.9 / highlight)

    def _through_lens(self, scene: Picture, gain: float) -> Picture:
        light = scene * (np.float32(gain) * column(self.balance))
        return blurred(light, self.blur)

    def _displayed(self, light: Picture) -> Picture:
        level = np.linspace(0, 1, LEVELS) ** (1 / 2.2)
        curve = level + self.contrast * level * (1 - level) * (2 * level - 1)
        table = curve.astype(np.float32)
        return np.stack([table[_quantised(plane)] for plane in light])


def draw_camera(key: Key) -> Camera:
    """The camera that belongs to a photo's key."""
    rng = stream(key, "camera")
    return Camera(
        blur=rng.uniform(0.45, 0.75),
        full_well=float(np.exp(rng.uniform(np.log(500), np.log(3000)))),
        read_noise=rng.uniform(0.001, 0.005),
        brightness=float(np.exp(rng.normal(np.log(0.2), 0.2))),
        balance=(1 + rng.normal(0, 0.04), 1.0, 1 + rng.normal(0, 0.04)),
        contrast=rng.uniform(0, 0.6),
    )


def _quantised(plane: Plane) -> NDArray[np.intp]:
    levels = plane * np.float32(LEVELS - 1) + np.float32(0.5)
    return np.clip(levels, 0, LEVELS - 1, out=levels).astype(np.intp)


def blurred(light: Picture, deviation: float) -> Picture:
    """Blur along rows and columns with three taps of the given standard deviation, below 1."""
    side = np.float32(deviation**2 / 2)
    return np.stack([_smoothed(_smoothed(plane, side).T, side).T for plane in light])


def _smoothed(plane: Plane, side: np.float32) -> Plane:
    """Take the share ``side`` of each pixel from the one above and the one below."""
    steps = (plane[1:] - plane[:-1]) * side
    out = plane.copy()
    out[:-1] += steps
    out[1:] -= steps
    return out


def mosaic(light: Picture) -> Plane:
    """What a sensor behind an RGGB colour filter array records: one colour a pixel."""
    raw: Plane = light[1].copy()
    raw[0::2, 0::2] = light[0, 0::2, 0::2]
    raw[1::2, 1::2] = light[2, 1::2, 1::2]
    return raw


def demosaic(raw: Plane) -> Picture:
    """Interpolate the missing colours: green along its gradients, then smooth R-G and B-G.

    Red and blue inherit the fine detail of green, the correlation that gives a camera away.
    """
    green = _green(raw)
    red = _spread((raw - green)[0::2, 0::2])
    blue = _spread((raw - green)[1::2, 1::2][::-1, ::-1])[::-1, ::-1]
    return np.stack((green + red, green, green + blue))


def _green(raw: Plane) -> Plane:
    height, width = raw.shape
    padded = np.pad(raw, 2, mode="reflect")

    def moved(down: int, right: int) -> Plane:
        return padded[2 + down : 2 + down + height, 2 + right : 2 + right + width]

    near = moved(-1, 0) + moved(1, 0) + moved(0, -1) + moved(0, 1)
    far = moved(-2, 0) + moved(2, 0) + moved(0, -2) + moved(0, 2)
    guess = near * np.float32(0.25) + (4 * raw - far) * np.float32(0.125)
    green = raw.copy()
    green[0::2, 0::2] = guess[0::2, 0::2]
    green[1::2, 1::2] = guess[1::2, 1::2]
    return green


def _spread(difference: Plane) -> Plane:
    """Bilinear doubling of values that sit on even rows and columns."""
    height, width = difference.shape
    padded = np.pad(difference, ((0, 1), (0, 1)), mode="edge")
    rows = np.empty((2 * height, width + 1), np.float32)
    rows[0::2] = padded[:-1]
    rows[1::2] = (padded[:-1] + padded[1:]) * np.float32(0.5)
    full = np.empty((2 * height, 2 * width), np.float32)
    full[:, 0::2] = rows[:, :-1]
    full[:, 1::2] = (rows[:, :-1] + rows[:, 1:]) * np.float32(0.5)
    return full
