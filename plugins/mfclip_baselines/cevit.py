"""Cross Efficient ViT (Coccomini et al., ICIAP 2022): two EfficientNets that look at each other.

Shape letters: B images, n tokens of a branch (its class token first), d its width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone, two_columns

Tokens = Float[Tensor, "batch tokens dim"]
BACKBONE = "tf_efficientnet_b0"
HEAD_WIDTH = 64
"""Width of one attention head, whatever the width of the tokens."""


class Branch(NamedTuple):
    """Sizes of one of the two branches."""

    channels: int
    """Of the map that it reads."""
    side: int
    """Of that map, cells."""
    patch: int
    """Cells a side of one token."""
    dim: int
    """d: width of its tokens."""
    layers: int
    """Layers of its encoder in one stage."""


class CrossEfficientVit(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2)."""

    def __init__(
        self,
        deep: Branch,
        shallow: Branch,
        weights: Path | WeightName | None = None,
        *,
        depth: int = 4,
        cross_layers: int = 2,
        heads: int = 8,
        mlp: int = 2048,
        dropout: float = 0.15,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        self.deep_maps = backbone(BACKBONE, weights=weights, num_classes=0, global_pool="")
        cut: Any = backbone(BACKBONE, weights=weights, num_classes=0)
        self.shallow_maps = nn.Sequential(cut.conv_stem, cut.bn1, cut.blocks[0], cut.blocks[1][0])
        self.embed = nn.ModuleList(Embedding(branch, dropout) for branch in (deep, shallow))
        self.stages = nn.ModuleList(
            Stage(deep, shallow, cross_layers, heads, mlp, dropout) for _ in range(depth)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(branch.dim), nn.Linear(branch.dim, 1))
            for branch in (deep, shallow)
        )

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake; their difference is the sum of both branches' one logit."""
        x = self.normalise(images)
        deep = self.embed[0](self.deep_maps(x))  # (B, 1 + n, d) of the map at 1/32
        shallow = self.embed[1](self.shallow_maps(x))  # of the map at 1/4
        for stage in self.stages:
            deep, shallow = stage(deep, shallow)
        return two_columns(self.heads[0](deep[:, 0]) + self.heads[1](shallow[:, 0]))


class Embedding(nn.Module):
    """A map (B, c, s, s) -> tokens (B, 1 + n, d): patches of the map behind a class token."""

    def __init__(self, branch: Branch, dropout: float) -> None:
        super().__init__()
        count = (branch.side // branch.patch) ** 2
        self.patches = nn.Conv2d(branch.channels, branch.dim, branch.patch, branch.patch)
        self.class_token = nn.Parameter(torch.randn(1, 1, branch.dim))
        self.positions = nn.Parameter(torch.randn(1, 1 + count, branch.dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Float[Tensor, "batch channels side side"]) -> Tokens:
        """Positions are learned, one a token."""
        patches = self.patches(maps).flatten(2).mT  # (B, n, d)
        tokens = torch.cat([self.class_token.expand(len(maps), -1, -1), patches], 1)
        embedded: Tensor = self.dropout(tokens + self.positions)
        return embedded


class Stage(nn.Module):
    """An encoder a branch, then class tokens that read the other branch's patches."""

    def __init__(
        self, deep: Branch, shallow: Branch, crosses: int, heads: int, mlp: int, dropout: float
    ) -> None:
        super().__init__()
        self.deep = Encoder(deep.dim, deep.layers, heads, mlp, dropout)
        self.shallow = Encoder(shallow.dim, shallow.layers, heads, mlp, dropout)
        self.deep_reads = nn.ModuleList(
            Crossing(deep.dim, shallow.dim, heads, dropout) for _ in range(crosses)
        )
        self.shallow_reads = nn.ModuleList(
            Crossing(shallow.dim, deep.dim, heads, dropout) for _ in range(crosses)
        )

    def forward(self, deep: Tokens, shallow: Tokens) -> tuple[Tokens, Tokens]:
        """Patches stay as their encoder gave them."""
        deep, shallow = self.deep(deep), self.shallow(shallow)
        deep_class, deep_patches = deep[:, :1], deep[:, 1:]
        shallow_class, shallow_patches = shallow[:, :1], shallow[:, 1:]
        for from_shallow, from_deep in zip(self.deep_reads, self.shallow_reads, strict=True):
            deep_class = deep_class + from_shallow(deep_class, shallow_patches)
            shallow_class = shallow_class + from_deep(shallow_class, deep_patches)
        return (
            torch.cat([deep_class, deep_patches], 1),
            torch.cat([shallow_class, shallow_patches], 1),
        )


class Encoder(nn.Module):
    """Tokens -> tokens: pre-norm transformer layers, then a last norm."""

    def __init__(self, dim: int, layers: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(Attention(dim, heads, dropout) for _ in range(layers))
        self.perceptrons = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim),
                nn.Linear(dim, mlp),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(mlp, dim),
                nn.Dropout(dropout),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tokens) -> Tokens:
        """Each token reads all of its branch."""
        for attention, perceptron in zip(self.attentions, self.perceptrons, strict=True):
            x = x + attention(x)
            x = x + perceptron(x)
        normed: Tensor = self.norm(x)
        return normed


class Attention(nn.Module):
    """Tokens read themselves and, where there are any, tokens of elsewhere of the same width."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, heads * HEAD_WIDTH, bias=False)
        self.key_value = nn.Linear(dim, 2 * heads * HEAD_WIDTH, bias=False)
        self.out = nn.Sequential(nn.Linear(heads * HEAD_WIDTH, dim), nn.Dropout(dropout))

    def forward(self, x: Tokens, beside: Tokens | None = None) -> Tokens:
        """What ``x`` reads; ``beside`` comes normed, out of an encoder."""
        x = self.norm(x)
        seen = x if beside is None else torch.cat([x, beside], 1)
        q = self._split(self.query(x))  # (B, heads, n, 64)
        k, v = (self._split(part) for part in self.key_value(seen).chunk(2, -1))
        read = functional.scaled_dot_product_attention(q, k, v)
        given: Tensor = self.out(read.transpose(1, 2).flatten(2))
        return given

    def _split(self, x: Tokens) -> Float[Tensor, "batch heads tokens 64"]:
        return x.view(*x.shape[:2], self.heads, HEAD_WIDTH).transpose(1, 2)


class Crossing(nn.Module):
    """The class token of one branch, in the width of the other, reads the other's patches."""

    def __init__(self, own: int, other: int, heads: int, dropout: float) -> None:
        super().__init__()
        same = own == other
        self.into = nn.Identity() if same else nn.Linear(own, other)
        self.attention = Attention(other, heads, dropout)
        self.back = nn.Identity() if same else nn.Linear(other, own)

    def forward(self, token: Float[Tensor, "batch 1 own"], patches: Tokens) -> Tokens:
        """What is added to the token."""
        read: Tensor = self.back(self.attention(self.into(token), patches))
        return read
