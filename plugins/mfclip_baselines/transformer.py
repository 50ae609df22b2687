"""What systems read out of timm's plain vision transformers beside the tokens."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Tokens = Float[Tensor, "batch tokens width"]


def embedded(network: Any, images: Float[Tensor, "batch 3 height width"]) -> Tokens:
    """Tokens before the first block, the class token first."""
    tokens: Tensor = network.norm_pre(network._pos_embed(network.patch_embed(images)))
    return tokens


def through(
    network: Any, tokens: Tokens, read: Collection[int], *, rows: int | None = None
) -> tuple[list[Tokens], Float[Tensor, "batch rows tokens"]]:
    """The tokens after each block, and the mean scores of the blocks in ``read``, from 1.

    Scores are q . k / sqrt(d) before any softmax, their mean over the heads: token i (rows)
    against token j. ``rows`` leaves all but the first ones out.
    """
    after, scores = [], []
    for number, block in enumerate(network.blocks, 1):
        if number in read:
            scores.append(_scores(block, tokens, rows))
        tokens = block(tokens)
        after.append(tokens)
    return after, torch.stack(scores).mean(0)


def class_attention(block: Any, tokens: Tokens) -> Float[Tensor, "batch patches"]:
    """What the class token reads of each patch in a block: the mean of its heads, which sums to 1.

    As shares of the patches alone; what it reads of itself is left out.
    """
    batch, count, _ = tokens.shape
    query, key = (
        one.reshape(batch, count, block.attn.num_heads, -1) for one in _read(block, tokens)
    )
    products = torch.einsum("bhd,bphd->bhp", query[:, 0], key[:, 1:])
    shares: Tensor = (products * block.attn.scale).softmax(-1).mean(1)
    return shares


def _scores(block: Any, tokens: Tokens, rows: int | None) -> Float[Tensor, "batch rows tokens"]:
    """The mean of products over heads is the product over the whole width, by the heads."""
    query, key = _read(block, tokens)
    scale = block.attn.scale / block.attn.num_heads
    scores: Tensor = query[:, :rows] @ key.mT * scale
    return scores


def _read(block: Any, tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Queries and keys of a block, all heads side by side."""
    attention, width = block.attn, tokens.shape[-1]
    bias = attention.qkv.bias
    query, key = functional.linear(
        block.norm1(tokens),
        attention.qkv.weight[: 2 * width],
        None if bias is None else bias[: 2 * width],
    ).chunk(2, -1)
    return query, key
