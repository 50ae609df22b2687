"""An encoder of a vector beside the image: standardised over the training images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.detector.protocols import TrainingBatch
from mfclip.errors import PluginError


class VectorEncoder(nn.Module):
    """A vector (B, n) by keyword -> each number minus its mean, divided by its deviation (B, n)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, keyword: str, length: int, standardise: bool) -> None:
        super().__init__()
        self.name, self.keyword, self.length = name, keyword, length
        self.standardise = standardise
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("deviation", torch.ones(length))

    def before_epoch(self, epoch: int, batches: Iterable[TrainingBatch]) -> None:
        """Before the first epoch: mean and deviation over the training images, in float64."""
        if epoch or not self.standardise:
            return
        rows = torch.cat([self._checked(batch.reads[self.name]).double() for batch in batches])
        self.mean.copy_(rows.mean(0))
        # What never changes says nothing; it is left at 0 and not blown up.
        spread = rows.std(0, correction=0)
        self.deviation.copy_(torch.where(spread > 1e-8, spread, torch.ones_like(spread)))

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], **given: Any
    ) -> Float[Tensor, "batch n"]:
        """Standardise; the images are not looked at. Raises :class:`PluginError` for a length."""
        return (self._checked(given[self.keyword]) - self.mean) / self.deviation

    def _checked(self, vectors: Tensor) -> Float[Tensor, "batch n"]:
        if vectors.ndim != 2 or vectors.shape[1] != self.length:
            raise PluginError(
                f"vector reads {self.length} numbers an image; received "
                f"{tuple(vectors.shape)}: set `length` to what the input has"
            )
        return vectors.float()
