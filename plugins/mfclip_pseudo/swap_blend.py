"""Another real face, in this image's colours, blended over its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mfclip_pseudo.fields import draws, levels, resized, rounded
from mfclip_pseudo.mask import blend, soft_mask

MOST = 2.0
"""Most that colour transfer stretches or shrinks a channel."""


@dataclass(frozen=True, slots=True)
class SwapBlender:
    """Real image, another one of any size, seed -> the image with the other's face.

    The far corners stay as they are; the mask ends before them.
    """

    strengths: tuple[float, ...]
    """Shares of the other face inside the mask, to draw from."""

    def __call__(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """Raises :class:`ValueError` for what is no image."""
        draw, before = draws(seed), levels(image)
        height, width = image.shape[-2:]
        other = resized(levels(partner), height, width).clamp(0, 255)
        if draw.random() < 0.5 or torch.equal(image, partner):
            other = other.flip(-1)
        mask = soft_mask(height, width, draw)
        other = in_colours_of(before, other, mask)
        return rounded(blend(before, other, mask * float(draw.choice(self.strengths))))


def in_colours_of(
    image: Float[Tensor, "3 height width"],
    other: Float[Tensor, "3 height width"],
    mask: Float[Tensor, "height width"],
) -> Float[Tensor, "3 height width"]:
    """``other`` with the mean and standard deviation that ``image`` has under the mask.

    Channel by channel (Reinhard et al. 2001, in RGB). A channel is stretched at most twofold.
    """
    mean, deviation = _moments(image, mask)
    own_mean, own_deviation = _moments(other, mask)
    stretch = (deviation / own_deviation.clamp(min=1e-3)).clamp(1 / MOST, MOST)
    return mean + (other - own_mean) * stretch


def _moments(
    image: Float[Tensor, "3 height width"], mask: Float[Tensor, "height width"]
) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 1 1"]]:
    """Mean and standard deviation of each channel, weighted by the mask."""
    weights = mask / mask.sum()
    mean = (image * weights).sum((1, 2), keepdim=True)
    return mean, ((image - mean).square() * weights).sum((1, 2), keepdim=True).sqrt()
