"""Low-rank adapters on the weights of a tower that stays as it is (LoRA; Hu et al. 2021, Eq. 3).

W' = W + (alpha / r) B A. They are parametrisations: whatever reads ``attn.in_proj_weight`` gets W',
and W itself is kept beside them. Scoring computes W' once.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

Where = Literal["attention", "all"]
"""The projections of query, key, value and output alone, or the perceptrons' layers too."""


class LowRank(nn.Module):
    """W (n out, in) -> W' of the same shape.

    ``matrices`` n: how many lie above each other in W, as query, key and value do in
    ``nn.MultiheadAttention``. Each has adapters of its own. B starts at zero, so W' starts as W;
    A is Gaussian, as in the paper, with a deviation of 1 / sqrt(in).
    """

    def __init__(
        self, weight: Float[Tensor, "rows in"], rank: int, alpha: float, matrices: int = 1
    ) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.scale = alpha / rank
        self.a = nn.Parameter(torch.empty(matrices, rank, columns))
        self.b = nn.Parameter(torch.empty(matrices, rows // matrices, rank))
        nn.init.normal_(self.a, std=columns**-0.5)
        nn.init.zeros_(self.b)

    def forward(self, weight: Float[Tensor, "rows in"]) -> Float[Tensor, "rows in"]:
        """W', in W's own precision whatever autocast says."""
        with torch.autocast(weight.device.type, enabled=False):
            added = self.scale * self.b @ self.a  # (n, out, r) (n, r, in) -> (n, out, in)
            return weight + added.flatten(0, 1)


def adapt(tower: VisionTransformer, *, rank: int, alpha: float, on: Where) -> None:
    """Freeze a tower of open_clip, and put adapters on the weights of its blocks."""
    tower.requires_grad_(False)
    for block in tower.transformer.resblocks:
        _adapt(block.attn, "in_proj_weight", rank, alpha, 3)
        _adapt(block.attn.out_proj, "weight", rank, alpha)
        for layer in (block.mlp.c_fc, block.mlp.c_proj) if on == "all" else ():
            _adapt(layer, "weight", rank, alpha)


def _adapt(module: nn.Module, name: str, rank: int, alpha: float, matrices: int = 1) -> None:
    register_parametrization(module, name, LowRank(getattr(module, name), rank, alpha, matrices))
