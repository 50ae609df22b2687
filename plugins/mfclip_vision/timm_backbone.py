"""A backbone of the timm library behind the contract of an image encoder."""

from __future__ import annotations

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip import ParameterGroup


class TimmEncoder(nn.Module):
    """Images (B, 3, H, W), float 0-1, RGB -> embeddings (B, d).

    Parameters
    ----------
    backbone
        Images, normalised -> pooled features (B, f); with gradients where it learns.
    features
        f: how many they are.
    dim
        d: length of the embedding.
    mean, std
        Of the images that the backbone wants; R, G, B, of values 0-1.
    drop_rate
        Share of the pooled features that are set to zero in training.
    frozen
        Whether the backbone stays in evaluation mode, and keeps its batch norms' statistics.
    rate
        Factor of the learning rate for the backbone.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        dim: int,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        drop_rate: float = 0.0,
        frozen: bool = False,
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone, self.frozen, self.rate = backbone, frozen, rate
        self.drop = nn.Dropout(drop_rate)
        self.project = nn.Linear(features, dim)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.train()

    def parameter_groups(self) -> list[ParameterGroup]:
        """The backbone learns at a rate of its own."""
        learns = any(parameter.requires_grad for parameter in self.backbone.parameters())
        return [ParameterGroup("backbone.", self.rate)] if learns and self.rate != 1.0 else []

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch width"]:
        """Pooled features of the normalised images, projected."""
        x = (images - self.mean) / self.std
        # Channels last: a training step of EfficientNet-Lite takes 0.6 of the time on a CPU.
        features = self.backbone(x.contiguous(memory_format=torch.channels_last))
        embedding: Tensor = self.project(self.drop(features))
        return embedding

    def train(self, mode: bool = True) -> Self:
        """Switch all but a frozen backbone, which stays as it is when scoring."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self
