"""A causal transformer block."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class CausalBlock(nn.Module):
    """One pre-norm block TB of Eq. 6: x + attention(norm(x)), then x + mlp(norm(x)).

    A token sees itself and the tokens before it.
    """

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))

    def forward(self, x: Float[Tensor, "k tokens width"]) -> Float[Tensor, "k tokens width"]:
        """Same shape out as in."""
        x = x + self._attend(self.attention_norm(x))
        mixed: Tensor = x + self.mlp(self.mlp_norm(x))
        return mixed

    def _attend(self, x: Float[Tensor, "k tokens width"]) -> Float[Tensor, "k tokens width"]:
        k, tokens, width = x.shape
        # (K, n, 3 d) -> (K, n, 3, heads, d / heads)
        qkv = self.qkv(x).view(k, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (K, heads, tokens, width / heads)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        # (K, heads, n, d / heads) -> (K, n, d)
        mixed: Tensor = self.projection(seen.transpose(1, 2).reshape(k, tokens, width))
        return mixed
