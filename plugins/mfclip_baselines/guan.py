"""Gradient regularisation (Guan et al., TIFS 2024): less weight on the texture of known forgeries.

Shape letters: B images, c channels of the shallow maps, s one of their statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone

Maps = Float[Tensor, "batch channels height width"]
Shift = Float[Tensor, "batch channels 1 1"]
STEM = 2
"""Layers before the first group of blocks: a convolution and its norm."""
EPSILON = 1e-6
"""Added to variances, and a lower bound of the gradient's length."""


class Guan(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2): an EfficientNet-B0 that is trained in two passes.

    Mean and standard deviation of each channel of a shallow map hold the texture of an image. The
    paper adds the length of the loss's gradient by them to the loss. To first order that length is
    how much the loss rises as they move by r along their gradient, so no second derivative is
    needed: (1 - alpha) L(s) + alpha L(s + r g / |g|), whose last term's g is taken as given.
    """

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        blocks: int = 2,
        radius: float = 0.05,
        alpha: float = 0.5,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        network: Any = backbone("tf_efficientnet_b0", weights=weights, num_classes=2)
        layers = list(network.as_sequential())  # stem, its norm, seven groups of blocks, the head
        self.shallow = nn.Sequential(*layers[: STEM + blocks])
        self.deep = nn.Sequential(*layers[STEM + blocks :])
        self.radius, self.alpha = radius, alpha

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake; nothing is moved."""
        logits: Tensor = self.deep(self.shallow(self.normalise(images)))
        return logits

    def training_loss(
        self,
        images: Float[Tensor, "batch 3 height width"],
        reads: Mapping[str, Any],
        loss: Callable[[object], Tensor],
    ) -> Tensor:
        """(1 - alpha) of the loss as it is, alpha of the loss with the statistics moved."""
        maps = self.shallow(self.normalise(images))  # (B, c, h, w)
        mean, std = (maps.new_zeros(*maps.shape[:2], 1, 1).requires_grad_() for _ in range(2))
        plain = loss(self.deep(moved(maps, mean, std)))
        by_mean, by_std = torch.autograd.grad(plain, (mean, std), retain_graph=True)
        risen = loss(self.deep(moved(maps, *uphill(by_mean, by_std, self.radius))))
        return (1 - self.alpha) * plain + self.alpha * risen


def moved(maps: Maps, mean: Shift, std: Shift) -> Maps:
    """The maps with ``mean`` and ``std`` added to those of each channel.

    The pattern of each channel, what is left of it without its mean and standard deviation, stays.
    """
    variance, average = torch.var_mean(maps, (2, 3), correction=0, keepdim=True)
    pattern = (maps - average) * (variance + EPSILON).rsqrt()
    return maps + mean + std * pattern


def uphill(mean: Shift, std: Shift, radius: float) -> tuple[Shift, Shift]:
    """Steps along a gradient by mean and standard deviation, ``radius`` long for each image."""
    both = torch.cat([mean, std], 1).float()  # (B, 2 c, 1, 1)
    length = torch.linalg.vector_norm(both, dim=1, keepdim=True).clamp_min(EPSILON**2)
    first, second = (radius * both / length).chunk(2, 1)
    return first, second
