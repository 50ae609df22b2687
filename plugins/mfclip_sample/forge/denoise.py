"""A pixel-diffusion-like pipeline: noise is added and taken away again, several times.

Each step keeps what stands out of the noise and smooths the rest, so texture thins out and what
noise remains is weaker than any sensor's.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mfclip_sample.draw.grid import Picture


def diffuse(picture: Picture, rng: np.random.Generator, *, levels: tuple[float, ...]) -> Picture:
    """Run (3, h, w) through one noise-and-denoise step per level (deviations, 0-1 scale)."""
    for level in levels:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = _denoised(picture + np.float32(level) * noise, level)
    return np.clip(picture, 0, 1)


def _denoised(picture: Picture, level: float) -> Picture:
    """Wiener filter with local statistics of 3 x 3 pixels."""
    mean: Picture = ndimage.uniform_filter(picture, (1, 3, 3))
    detail = picture - mean
    power = ndimage.uniform_filter(detail * detail, (1, 3, 3))
    floor = np.float32(2 * level * level)
    mean += np.maximum(power - floor, 0) / np.maximum(power, floor) * detail
    return mean
