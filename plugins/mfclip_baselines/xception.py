"""Xception (Chollet, CVPR 2017) as FaceForensics++ uses it: two classes behind global pooling."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise, backbone


class Xception(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2). All of the network is timm's."""

    def __init__(self, weights: Path | WeightName | None = None, *, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.normalise = Normalise(*HALVES)
        self.network = backbone(
            "legacy_xception", weights=weights, num_classes=2, drop_rate=drop_rate
        )

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake."""
        x = self.normalise(images).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(x)
        return logits
