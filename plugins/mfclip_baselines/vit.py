"""The plain vision transformer (Dosovitskiy et al., ICLR 2021) with two classes."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise, backbone


class Vit(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2). All of the network is timm's."""

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        image_size: int = 224,
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*HALVES)
        self.network = backbone(
            "vit_base_patch16_224",
            weights=weights,
            num_classes=2,
            img_size=image_size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            drop_path_rate=drop_path,
        )

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake; read off the class token."""
        logits: Tensor = self.network(self.normalise(images))
        return logits
