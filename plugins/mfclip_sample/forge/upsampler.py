"""A GAN-like decoder: transposed convolutions with fixed, slightly uneven kernels.

A transposed convolution puts zeros between the pixels and filters them. Unless its kernel sums to
the same value for every position between the zeros, the output carries a checkerboard: peaks in
the spectrum at multiples of the sampling frequency of the layers before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfclip_sample.draw.grid import Picture
from mfclip_sample.randomness import stream

BILINEAR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
"""The even kernel of a stride-2 transposed convolution: every position gets the sum 1."""


@dataclass(frozen=True, slots=True)
class Upsampler:
    """A two-level decoder with weights of its own, as a trained generator has."""

    kernels: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Coarse and fine layer, each (3, 4, 4)."""
    detail: tuple[float, float]
    """Share of the true detail that the coarse and the fine layer bring back."""
    noise: float
    """Noise fed to the layer before the last, as generators get it for texture; 0-1 scale."""

    def __call__(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """Regenerate a (3, h, w) picture from a quarter of its resolution; h, w by 4."""
        half = _halved(picture)
        quarter = _halved(half)
        even = _even(picture.shape[0])
        middle = doubled(quarter, self.kernels[0])
        middle += self.detail[0] * (half - doubled(quarter, even))
        grain = rng.standard_normal(middle.shape[1:], dtype=np.float32)
        middle += np.float32(self.noise) * grain
        fine = doubled(middle, self.kernels[1])
        fine += np.float32(self.detail[1]) * (picture - doubled(half, even))
        return np.clip(fine, 0, 1)


def trained(name: str, unevenness: float, detail: tuple[float, float], noise: float) -> Upsampler:
    """The decoder of one generator: its weights depend on the name alone."""
    rng = stream((), name)
    coarse, fine = (BILINEAR * (1 + unevenness * rng.standard_normal((3, 4, 4))) for _ in "12")
    return Upsampler((_scaled(coarse), _scaled(fine)), detail, noise)


def doubled(picture: Picture, kernel: NDArray[np.float32]) -> Picture:
    """Stride-2 transposed convolution of (3, h, w) with (3, 4, 4), edges repeated."""
    channels, height, width = picture.shape
    padded = np.pad(picture, ((0, 0), (1, 1), (1, 1)), mode="edge")
    out = np.empty((channels, 2 * height, 2 * width), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            # Only these taps meet a pixel here; all others meet the zeros in between.
            out[:, row::2, column::2] = sum(
                padded[:, r : r + height, c : c + width] * kernel[:, i, j, None, None]
                for r, i in _taps(row)
                for c, j in _taps(column)
            )
    return out


def _taps(phase: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """(offset into the padded input, kernel index) of the two taps of one output phase."""
    return ((1, 1), (0, 3)) if phase == 0 else ((1, 2), (2, 0))


def _halved(picture: Picture) -> Picture:
    rows = picture[:, 0::2] + picture[:, 1::2]
    return (rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25)


def _even(channels: int) -> NDArray[np.float32]:
    return np.broadcast_to(BILINEAR.astype(np.float32), (channels, 4, 4))


def _scaled(kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Keep the mean brightness: all weights together sum to 4, one for each output phase."""
    even = kernel * 4 / kernel.sum(axis=(1, 2), keepdims=True)
    return np.asarray(even, np.float32)
