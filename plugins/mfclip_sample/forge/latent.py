"""A latent-diffusion-like decoder: each 8 x 8 block becomes a few numbers and is drawn from them.

What the latent does not hold, the fine texture, is lost; the decoder blends neighbouring blocks
smoothly and paints a little texture of its own.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from mfclip_sample.draw.grid import Picture
from mfclip_sample.draw.texture import grain

BLOCK = 8
Blocks: TypeAlias = NDArray[np.float32]
"""(3, h/8, w/8, 8, 8)."""


def decode_latent(
    picture: Picture, rng: np.random.Generator, *, keep: int, step: float, texture: float
) -> Picture:
    """Send a (3, h, w) picture through the latent; h and w are multiples of 8.

    ``keep`` is the number of frequencies per axis that survive, ``step`` the latent's resolution
    (0-1 scale), ``texture`` the share of local contrast that is painted back as texture.
    """
    coded = fft.dctn(_blocks(picture), axes=(-2, -1), norm="ortho", overwrite_x=True)
    coded *= _kept(keep)
    coded = np.round(coded / np.float32(step)) * np.float32(step)
    decoded = fft.idctn(coded, axes=(-2, -1), norm="ortho", overwrite_x=True)
    for axis in (-2, -1):
        decoded = _lapped(decoded, axis)
    smooth = _joined(decoded)
    contrast = np.sqrt(np.mean((picture - smooth) ** 2, dtype=np.float32))
    noise = grain(rng, picture.shape[1:]) * (np.float32(texture) * contrast)
    painted: Picture = smooth + noise
    return np.clip(painted, 0, 1, out=painted)


def _kept(keep: int) -> NDArray[np.float32]:
    """Weights of the 8 x 8 frequencies: a triangle of low ones, with a soft rim."""
    place = np.arange(BLOCK)
    weight = np.clip(keep + 0.5 - (place[:, None] + place[None, :]), 0, 1)
    return np.asarray(weight, np.float32)


def _blocks(picture: Picture) -> Blocks:
    """(3, h, w) -> (3, h/8, w/8, 8, 8)."""
    channels, height, width = picture.shape
    tiles = picture.reshape(channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return np.ascontiguousarray(tiles.swapaxes(2, 3))


def _joined(blocks: Blocks) -> Picture:
    channels, rows, columns = blocks.shape[:3]
    return blocks.swapaxes(2, 3).reshape(channels, rows * BLOCK, columns * BLOCK)


def _lapped(blocks: Blocks, axis: int) -> Blocks:
    """Fade each block into the mirrored continuation of its neighbours along one axis.

    The cosines of a block continue beyond its rim as its mirror image, so a decoder whose kernels
    overlap by half a block adds exactly that.
    """
    place = np.arange(BLOCK) + 0.5
    own = 0.5 + 0.5 * np.sin(np.pi / 2 * np.minimum(place, BLOCK - place) / (BLOCK / 2))
    shape = [1] * blocks.ndim
    shape[axis] = BLOCK
    weight = own.astype(np.float32).reshape(shape)
    mirrored = np.flip(blocks, axis)
    grid_axis = axis - 2
    before = _shifted(mirrored, 1, grid_axis)
    after = _shifted(mirrored, -1, grid_axis)
    left = (place < BLOCK / 2).reshape(shape)
    faded: Blocks = weight * blocks + (1 - weight) * np.where(left, before, after)
    return faded


def _shifted(blocks: Blocks, by: int, axis: int) -> Blocks:
    """Each block's neighbour along the grid; the rim keeps its own mirror image."""
    count = blocks.shape[axis]
    return blocks.take(np.clip(np.arange(count) - by, 0, count - 1), axis=axis)
