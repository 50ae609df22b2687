"""The pre-norm transformer that image and noise encoder end in."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head self-attention, with logits scaled by width^-0.5 as in CViT.

    The usual scale is (width / heads)^-0.5; CViT takes the full width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = width**-0.5
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Mix the tokens of each sample."""
        # (B, n, 3 d) -> three of (B, heads, n, d / heads)
        # (B, n, 3 d) -> three of (B, heads, n, d / heads)
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        # (B, heads, n, d / heads) -> (B, n, d)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        """One block."""
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class ClassTokenTransformer(nn.Module):
    """Appends a class token, adds a position embedding, and gives the class token after B blocks.

    The position embedding has one row a token (Eq. 4), never one a place in the batch.
    """

    def __init__(self, *, tokens: int, width: int, depth: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.position = nn.Parameter(torch.empty(1, 1 + tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads, mlp) for _ in range(depth)))
        # Small against the projected tokens, so that the image decides from the first step.
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch width"]:
        """Read one embedding out of a sample's tokens."""
        class_token = self.class_token.to(tokens.dtype).expand(len(tokens), -1, -1)
        x = torch.cat([class_token, tokens], dim=1) + self.position
        out: Tensor = self.blocks(x)[:, 0]
        return out
