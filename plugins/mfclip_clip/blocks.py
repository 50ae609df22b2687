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


def through(
    block: ResidualAttentionBlock, tokens: Float[Tensor, "batch tokens width"]
) -> Float[Tensor, "batch tokens width"]:
    """What ``block(tokens)`` gives, without a mask."""
    tokens = tokens + _attention(block.attn, block.ln_1(tokens))
    return tokens + _perceptron(block.mlp, block.ln_2(tokens))


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
