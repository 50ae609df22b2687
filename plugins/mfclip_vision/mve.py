"""Multi-modal vision encoder MVE."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class MultiModalVisionEncoder(nn.Module):
    """Images (B, 3, H, W), float 0-1, RGB -> X_v = X_i + N_n (B, d)."""

    def __init__(self, image: nn.Module, noise: nn.Module) -> None:
        super().__init__()
        self.image = image
        self.noise = noise

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch d"]:
        """Add what the whole image and what its noise say."""
        total: Tensor = self.image(images) + self.noise(images)
        return total
