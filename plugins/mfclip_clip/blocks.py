"""The forward pass of open_clip's transformer blocks, arranged for speed; the same function.

On a CPU, attention over some hundred tokens is faster as two plain matrix products than as the
fused kernel as soon as gradients are wanted, and CLIP's ``x · sigmoid(1.702 x)`` is the fused
``silu`` once its constant is moved into the two layers around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

if TYPE_CHECKING:
    from open_clip.transformer import ResidualAttentionBlock

QUICK = 1.702
"""The constant of CLIP's approximation of the GELU."""


class ScoringBlock(nn.Module):
    """A block without gradients: the same function in plain linear layers, which can be packed.

    CLIP's constant is in the weights for good.
    """

    def __init__(self, block: ResidualAttentionBlock, dtype: torch.dtype) -> None:
        super().__init__()
        attention, layers = block.attn, block.mlp
        quick = QUICK if isinstance(layers[1], QuickGELU) else 1.0
        self.heads = attention.num_heads
        self.ln_1, self.ln_2 = block.ln_1, block.ln_2
        self.inside = _linear(attention.in_proj_weight, attention.in_proj_bias, dtype)
        self.outside = _linear(attention.out_proj.weight, attention.out_proj.bias, dtype)
        self.wide = _linear(layers[0].weight * quick, layers[0].bias * quick, dtype)
        self.activation = nn.SiLU() if quick != 1.0 else layers[1]
        self.narrow = _linear(layers[-1].weight / quick, layers[-1].bias, dtype)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        """What the block gives, without a mask."""
        batch, length, width = tokens.shape
        packed = self.inside(self.ln_1(tokens)).view(batch, length, 3, self.heads, -1)
        mixed = F.scaled_dot_product_attention(*packed.permute(2, 0, 3, 1, 4).unbind(0))
        tokens = tokens + self.outside(mixed.transpose(1, 2).reshape(batch, length, width))
        found: Tensor = tokens + self.narrow(self.activation(self.wide(self.ln_2(tokens))))
        return found


def _linear(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> nn.Linear:
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = (
        nn.Parameter(one.detach().to(dtype), requires_grad=False) for one in (weight, bias)
    )
    return layer


def through(
    block: ResidualAttentionBlock | ScoringBlock,
    tokens: Float[Tensor, "batch tokens width"],
    drop: float = 0.0,
) -> Float[Tensor, "batch tokens width"]:
    """What ``block(tokens)`` gives, without a mask; ``drop`` is for :func:`_some`."""
    if isinstance(block, ScoringBlock):
        found: Tensor = block(tokens)
        return found
    tokens = tokens + _some(_attention(block.attn, block.ln_1(tokens)), drop)
    return tokens + _some(_perceptron(block.mlp, block.ln_2(tokens)), drop)


def _some(
    branch: Float[Tensor, "batch tokens width"], drop: float
) -> Float[Tensor, "batch tokens width"]:
    """A residual branch, left out for a share ``drop`` (0-1, below 1) of the samples at random.

    Where it stays it is divided by 1 - ``drop``, so that its mean is what it is without dropping
    (stochastic depth; Huang et al. 2016).
    """
    if not drop:
        return branch
    kept = branch.new_empty(len(branch), 1, 1).bernoulli_(1 - drop)
    return branch * (kept / (1 - drop))


def _attention(
    attention: nn.MultiheadAttention, tokens: Float[Tensor, "batch tokens width"]
) -> Float[Tensor, "batch tokens width"]:
    """Self-attention of every token to every token."""
    batch, length, width = tokens.shape
    packed = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
    # (B, N, 3 w) -> 3 x (B, heads, N, w / heads)
    split = packed.view(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    mixed = _attend(*split.unbind(0)).transpose(1, 2).reshape(batch, length, width)
    return F.linear(mixed, attention.out_proj.weight, attention.out_proj.bias)


def _attend(
    query: Float[Tensor, "batch heads tokens d"],
    key: Float[Tensor, "batch heads tokens d"],
    value: Float[Tensor, "batch heads tokens d"],
) -> Float[Tensor, "batch heads tokens d"]:
    """softmax(q kᵀ / √d) v."""
    if query.device.type != "cpu" or not query.requires_grad:
        return F.scaled_dot_product_attention(query, key, value)
    logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    return torch.softmax(logits, -1, dtype=logits.dtype) @ value


def _perceptron(
    layers: nn.Sequential, tokens: Float[Tensor, "batch tokens width"]
) -> Float[Tensor, "batch tokens width"]:
    """The two linear layers and what is between them."""
    first, activation, second = layers[0], layers[1], layers[-1]
    if not isinstance(activation, QuickGELU):
        found: Tensor = layers(tokens)
        return found
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    wide = F.silu(F.linear(tokens, first.weight * QUICK, first.bias * QUICK))
    return F.linear(wide, second.weight / QUICK, second.bias)
