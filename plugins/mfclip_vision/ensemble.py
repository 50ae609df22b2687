"""Several encoders, each with a head of its own, that learn side by side and judge together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip import Outputs, ParameterGroup

LOGITS = "ensemble.logits"
"""Output: the logits of each member, (B, M, 2)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One encoder and what its head needs."""

    encoder: nn.Module
    """Images (B, 3, H, W), 0-1 -> embeddings (B, d)."""
    width: int
    """d."""
    reads: frozenset[str]
    """Keyword arguments of its forward pass."""
    layer_norm: bool
    """Layer normalisation between the embedding and the head's linear layer."""
    rate: float = 1.0
    """Factor of the learning rate for the head."""


class EnsembleDetector(nn.Module):
    """Images (B, 3, H, W), 0-1 -> the mean of its members' logits (B, 2).

    In training each member is taught by its own logits, as if it were alone, so that they go on
    making different mistakes; taught by their mean, one would only learn what the others lack.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(member.encoder for member in members)
        self.heads = nn.ModuleList(_head(member) for member in members)
        self.reads = tuple(member.reads for member in members)
        self.rates = tuple(member.rate for member in members)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Each head at its own rate; what its encoder asks for is its own affair."""
        return [ParameterGroup(f"heads.{i}.", rate) for i, rate in enumerate(self.rates)]

    def forward(self, images: Float[Tensor, "batch 3 height width"], **given: Any) -> Outputs:
        """What all of them say, and what each of them does."""
        each = torch.stack(
            [
                head(encoder(images, **{name: given[name] for name in reads if name in given}))
                for encoder, head, reads in zip(self.encoders, self.heads, self.reads, strict=True)
            ],
            1,
        ).float()  # (B, M, 2)
        return Outputs(each.mean(1), extra={LOGITS: each})

    def training_loss(
        self,
        images: Float[Tensor, "batch 3 height width"],
        reads: Mapping[str, Any],
        loss: Callable[[object], Tensor],
    ) -> Tensor:
        """The mean over the members of the recipe's objective on each one's logits."""
        given = self(images, **reads)
        each = given.extra[LOGITS].unbind(1)
        losses = [loss(Outputs(logits, extra=given.extra)) for logits in each]
        return torch.stack(losses).mean()


def _head(member: Member) -> nn.Module:
    linear = nn.Linear(member.width, 2)
    return nn.Sequential(nn.LayerNorm(member.width), linear) if member.layer_norm else linear
