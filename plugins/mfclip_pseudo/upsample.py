"""Traces of upsampling: what the last layers of a generator leave in the spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mfclip_pseudo.fields import draws, levels, resized, rounded
from mfclip_pseudo.words import Method

CRUDE = frozenset({"nearest", "zeros"})
"""Methods that leave copies of the spectrum."""
FACTORS = (2, 4)
UNEVEN = (0.01, 0.06)
"""How far the gain of a phase of a drawn kernel may lie from 1: the least and the most, drawn."""


@dataclass(frozen=True, slots=True)
class Upsampler:
    """Real image, another one that it leaves alone, seed -> the image with traces of upsampling."""

    methods: tuple[Method, ...]
    """To draw from."""
    traces: float
    """Share of the images that stay sharp."""
    weakest: float
    """Smallest share of the result that is blended over the image."""

    def __call__(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """Raises :class:`ValueError` for what is no image."""
        draw, before = draws(seed), levels(image)
        method = self.methods[int(draw.integers(len(self.methods)))]
        factor, sharp, share = _factor(method, draw), draw.random(), draw.uniform(self.weakest, 1)
        after = upsampled(_smaller(before, factor), factor, before.shape[-2:], method, draw)
        if method in CRUDE and sharp < self.traces:
            smooth = upsampled(_smaller(before, factor), factor, before.shape[-2:], "bicubic", draw)
            return rounded(before + share * (after - smooth))
        return rounded(torch.lerp(before, after, float(share)))


def upsampled(
    small: Float[Tensor, "3 rows columns"],
    factor: float,
    size: torch.Size,
    method: Method,
    draw: np.random.Generator,
) -> Float[Tensor, "3 height width"]:
    """Brought to ``size``, (H, W); ``nearest`` and ``zeros`` take whole factors, and cut it off."""
    height, width = size
    if method == "nearest":
        whole = int(factor)
        return small.repeat_interleave(whole, -2).repeat_interleave(whole, -1)[:, :height, :width]
    if method == "zeros":
        return _transposed(small, int(factor), draw)[:, :height, :width]
    if method == "lanczos":
        return torch.stack([_lanczos(channel, height, width) for channel in small])
    return resized(small, height, width, method)


def _factor(method: Method, draw: np.random.Generator) -> float:
    """2 or 4, or where the method takes it any number between."""
    whole = float(draw.choice(FACTORS))
    anything = draw.uniform(FACTORS[0], FACTORS[-1])
    return whole if method in CRUDE or draw.random() < 0.5 else anything


def _smaller(
    image: Float[Tensor, "3 height width"], factor: float
) -> Float[Tensor, "3 rows columns"]:
    """Sides divided by the factor, rounded up, so that a whole factor covers the image again."""
    height, width = (-(-side // factor) for side in image.shape[-2:])
    if factor.is_integer():
        more = (0, int(width * factor) - image.shape[-1], 0, int(height * factor) - image.shape[-2])
        padded = functional.pad(image[None], more, mode="replicate")
        return functional.avg_pool2d(padded, int(factor))[0]
    return resized(image, int(height), int(width), "bilinear")


def _transposed(
    small: Float[Tensor, "3 rows columns"], factor: int, draw: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Zeros between the pixels, then one drawn kernel for all channels, as one layer does it.

    A smooth bump of ``factor`` to 2 ``factor`` + 1 taps a side. Over a plain area each of the
    factor x factor phases has its own gain near 1, which is a pattern with the factor as its
    period; their mean is 1.
    """
    taps = int(draw.integers(factor, 2 * factor + 2))
    bump = np.sin(np.pi * (np.arange(taps) + 0.5) / taps)
    kernel = np.outer(bump, bump)
    gains = draw.uniform(-1, 1, (factor, factor))
    gains = 1 + draw.uniform(*UNEVEN) * (gains - gains.mean()) / np.abs(gains - gains.mean()).max()
    for row, column in np.ndindex(factor, factor):
        phase = kernel[row::factor, column::factor]
        phase *= gains[row, column] / phase.sum()  # in place
    weights = torch.from_numpy(kernel).float()[None, None]
    reach = taps // factor + 1  # of the border, continued outwards
    padded = functional.pad(small[:, None], (reach,) * 4, mode="replicate")
    whole = functional.conv_transpose2d(padded, weights, stride=factor)[:, 0]
    start = reach * factor + (taps - factor) // 2
    height, width = (factor * side for side in small.shape[-2:])
    return whole[:, start : start + height, start : start + width]


def _lanczos(
    channel: Float[Tensor, "rows columns"], height: int, width: int
) -> Float[Tensor, "height width"]:
    picture = Image.fromarray(channel.contiguous().numpy())
    found = picture.resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(found))
