"""A fingerprint in the spectrum: a smooth radial gain and a few waves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mfclip_pseudo.fields import draws, levels, rounded

LATTICE = 8
"""Waves have whole multiples of 1 / LATTICE of the sampling frequency."""
WEAKEST = 1.0
"""Amplitude of the weakest wave, of 255."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Real image, another one that it leaves alone, seed -> the image with a drawn fingerprint."""

    gain: float
    """Largest logarithm of the gain."""
    peaks: int
    """Most waves."""
    amplitude: float
    """Of the strongest wave, of 255."""

    def __call__(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """Raises :class:`ValueError` for what is no image."""
        draw, before = draws(seed), levels(image)
        height, width = image.shape[-2:]
        spectrum = torch.fft.rfft2(before)
        shaped = torch.fft.irfft2(
            spectrum * radial_gain(height, width, self.gain, draw), s=(height, width)
        )
        return rounded(shaped + self._waves(height, width, draw))

    def _waves(
        self, height: int, width: int, draw: np.random.Generator
    ) -> Float[Tensor, "3 height width"]:
        """One or more waves, each with its own direction, phase and colour."""
        rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
        summed = torch.zeros(3, height, width)
        for _ in range(int(draw.integers(1, self.peaks + 1))):
            down, across = _frequency(draw)
            phase = draw.uniform(-math.pi / 4, math.pi / 4)  # no wave is sampled at its zeros
            steps = (rows * down + columns * across).remainder(LATTICE)  # exact whole numbers
            wave = torch.cos(2 * math.pi * steps / LATTICE + phase)
            strength = draw.uniform(WEAKEST, self.amplitude)
            colours = torch.from_numpy(draw.uniform(0.7, 1, 3)).float() * strength
            summed += colours[:, None, None] * wave
        return summed


def radial_gain(
    height: int, width: int, largest: float, draw: np.random.Generator
) -> Float[Tensor, "height half"]:
    """Gain of each frequency of :func:`torch.fft.rfft2`, by its distance from 0; 1 there.

    exp(a r + b sin(pi r) + c sin(2 pi r)), where r is 1 at half the sampling frequency, and a, b
    and c are drawn so that no logarithm within r <= 1 is larger than ``largest``.
    """
    r = 2 * torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    r = r.clamp(max=1)
    a, b, c = draw.uniform(-1, 1, 3) * largest / 3
    log = a * r + b * torch.sin(math.pi * r) + c * torch.sin(2 * math.pi * r)
    return torch.exp(log)


def _frequency(draw: np.random.Generator) -> tuple[int, int]:
    """Down and across, in units of 1 / LATTICE; never 0 in both."""
    half = LATTICE // 2
    down, across = int(draw.integers(0, half + 1)), int(draw.integers(-half + 1, half + 1))
    return (down, across) if down or across else (half, half)
