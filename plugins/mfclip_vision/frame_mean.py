"""An encoder of clips out of any encoder of images."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class FrameMeanEncoder(nn.Module):
    """Clips (B, T, 3, H, W), float 0-1, RGB -> the mean of their frames' embeddings (B, d)."""

    def __init__(self, image: nn.Module) -> None:
        super().__init__()
        self.image = image

    def forward(
        self, clips: Float[Tensor, "batch frames 3 height width"]
    ) -> Float[Tensor, "batch d"]:
        """Encode every frame by itself; their order does not matter."""
        frames = clips.flatten(0, 1)  # (B T, 3, H, W)
        embeddings: Tensor = self.image(frames)  # (B T, d)
        # (B T, d) -> (B, T, d) -> (B, d)
        return embeddings.view(*clips.shape[:2], -1).mean(1)
