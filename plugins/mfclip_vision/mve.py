"""Multi-modal vision encoder MVE."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

NOTHING: frozenset[str] = frozenset()


class MultiModalVisionEncoder(nn.Module):
    """Images (B, 3, H, W), float 0-1, RGB -> X_v = X_i + N_n (B, d).

    ``reads`` are the keyword arguments that the image and the noise encoder take.
    """

    def __init__(
        self,
        image: nn.Module,
        noise: nn.Module,
        reads: tuple[frozenset[str], frozenset[str]] = (NOTHING, NOTHING),
    ) -> None:
        super().__init__()
        self.image = image
        self.noise = noise
        self.reads = reads

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], **given: Any
    ) -> Float[Tensor, "batch d"]:
        """Add what the whole image and what its noise say."""
        to_image, to_noise = (
            {name: given[name] for name in reads if name in given} for reads in self.reads
        )
        total: Tensor = self.image(images, **to_image) + self.noise(images, **to_noise)
        return total
