"""FatFormer (Liu et al., CVPR 2024): adapters for forgeries in a CLIP that language guides.

Shape letters: B images, N patches in h rows and columns, w the image tower's width, M context
vectors, d the width of the embedding.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from open_clip.model import CustomTextCLIP
from torch import Tensor, nn

from mfclip_baselines.backbones import Normalise
from mfclip_baselines.clip import CLASSES, CLIP, LearnedContext, compared

GROUPS = 128
"""Of a frequency part's group norm; their largest divisor that fits, where the width is another."""
HALF = 0.5
"""Each Haar coefficient is half a sum of four with signs: the transform is orthonormal."""


def haar(maps: Float[Tensor, "batch w rows columns"]) -> Float[Tensor, "batch 4 w r c"]:
    """One level of the discrete wavelet transform: bands LL, LH, HL, HH, half as many a side.

    L is a sum and H a difference; the first letter is of the columns, the second of the rows.
    """
    bands = [band for half in _sum_and_difference(maps) for band in _sum_and_difference(half.mT)]
    return HALF * torch.stack(bands, 1).mT


def inverse_haar(bands: Float[Tensor, "batch 4 w r c"]) -> Float[Tensor, "batch w rows columns"]:
    """What :func:`haar` was given."""
    ll, lh, hl, hh = bands.mT.unbind(1)
    return HALF * _woven(_woven(ll, lh).mT, _woven(hl, hh).mT)


def _sum_and_difference(x: Float[Tensor, "*n columns"]) -> tuple[Tensor, Tensor]:
    """Of each two neighbours along the last axis."""
    return x[..., ::2] + x[..., 1::2], x[..., ::2] - x[..., 1::2]


def _woven(sums: Float[Tensor, "*n c"], differences: Float[Tensor, "*n c"]) -> Tensor:
    """Twice the neighbours that have these sums and differences."""
    return torch.stack([sums + differences, sums - differences], -1).flatten(-2)


class Attention(nn.Module):
    """Queries (n, q, w), what they look at (n, k, w) -> (n, q, w), normalised after the sum."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "n q w"], seen: Float[Tensor, "n k w"] | None = None
    ) -> Float[Tensor, "n q w"]:
        """Without ``seen`` they look at each other."""
        key = x if seen is None else seen
        found: Tensor = self.attention(x, key, key, need_weights=False)[0]
        normalised: Tensor = self.norm(x + self.dropout(found))
        return normalised


class Perceptron(nn.Module):
    """Two layers, four times as wide between them, normalised after the sum."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "*n w"]) -> Float[Tensor, "*n w"]:
        """Of each token."""
        normalised: Tensor = self.norm(x + self.layers(x))
        return normalised


class FrequencyPart(nn.Module):
    """Patches' tokens -> what their wavelet bands say, (B, N, w)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(GROUPS, width), width)
        self.between, self.within = (Attention(width, heads, dropout) for _ in range(2))
        self.perceptron = Perceptron(width, dropout)

    def forward(self, patches: Float[Tensor, "batch n w"]) -> Float[Tensor, "batch n w"]:
        """Attention between the bands of each place, then within each band.

        Each image is normalised over all of its bands together, so that one stays as strong beside
        the others as it is.
        """
        batch, count, width = patches.shape
        side = math.isqrt(count)
        maps = patches.mT.reshape(batch, width, side, side)
        bands = self.norm(haar(maps).transpose(1, 2).flatten(3))  # (B, w, 4, N / 4)
        places = self.between(bands.permute(0, 3, 2, 1).flatten(0, 1))  # (B N / 4, 4, w)
        rows = places.view(batch, -1, 4, width).transpose(1, 2)  # (B, 4, N / 4, w)
        rows = self.perceptron(self.within(rows.flatten(0, 1))).view_as(rows)
        maps = inverse_haar(rows.mT.unflatten(-1, (side // 2, side // 2)))
        return maps.flatten(2).mT


class ForgeryAwareAdapter(nn.Module):
    """Tokens (B, 1 + N, w) -> what is added to them, out of two domains.

    The image part is two convolutions of one place each; the gate of the frequency part begins at
    zero, so that training begins with CLIP as it is but for the image part.
    """

    def __init__(
        self, width: int, *, heads: int, hidden: int, dropout: float, scale: float
    ) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv1d(width, hidden, 1),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(hidden, width, 1),
        )
        self.scale = scale
        self.frequency = FrequencyPart(width, heads, dropout)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, tokens: Float[Tensor, "batch tokens w"]) -> Float[Tensor, "batch tokens w"]:
        """The class token, which has no place among the patches, gets the image part alone."""
        image = self.scale * self.image(tokens.mT).mT
        frequency = self.gate * self.frequency(tokens[:, 1:])
        return torch.cat([image[:, :1], image[:, 1:] + frequency], 1)


class Look(nn.Module):
    """What looks (B, q, d), at what (B, k, d) -> (B, q, d): attention and a perceptron.

    The patch-based enhancer, in which the context looks at an image's patches, and the text-guided
    interactor, in which the patches look at the texts.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.perceptron = Attention(width, heads), Perceptron(width)

    def forward(
        self, x: Float[Tensor, "batch q d"], seen: Float[Tensor, "batch k d"]
    ) -> Float[Tensor, "batch q d"]:
        """Image by image."""
        found: Tensor = self.perceptron(self.attention(x, seen))
        return found


class FatFormer(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2).

    Parameters
    ----------
    clip
        Both towers; whether they learn is theirs to say.
    adapters
        How many, evenly spaced over the image tower's blocks, the last in the last block.
    language_heads
        Of the context's look at patches and of the patches' look at texts.
    """

    def __init__(
        self,
        clip: CustomTextCLIP,
        *,
        adapters: int = 3,
        hidden: int = 64,
        heads: int = 8,
        context: int = 8,
        language_heads: int = 12,
        dropout: float = 0.1,
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*CLIP)
        self.clip = clip
        blocks, width = len(clip.visual.transformer.resblocks), clip.visual.conv1.out_channels
        self.every = blocks // adapters
        self.adapters = nn.ModuleList(
            ForgeryAwareAdapter(width, heads=heads, hidden=hidden, dropout=dropout, scale=scale)
            for _ in range(adapters)
        )
        text_width = clip.text.token_embedding.embedding_dim
        self.context = LearnedContext(CLASSES, context, text_width)
        self.enhancer = Look(text_width, language_heads)
        self.interactor = Look(text_width, language_heads)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake: the whole image and its patches, both beside their texts."""
        tokens = self._tokens(images)  # (B, 1 + N, d)
        whole, patches = tokens[:, 0], tokens[:, 1:]
        vectors = self.context.vectors[0].expand(len(images), -1, -1)  # the same for each image
        context = self.enhancer(vectors, patches)
        texts = self.context(self.clip.text, context[:, None])  # (B, 2, d)
        guided = self.interactor(patches, texts).mean(1)
        scale = self.clip.logit_scale
        return compared(whole, texts, scale) + compared(guided, texts, scale)

    def _tokens(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch tokens d"]:
        """All tokens of the adapted tower, in the space that texts share."""
        tower = self.clip.visual
        x = tower._embeds(self.normalise(images))  # (B, 1 + N, w)
        for number, block in enumerate(tower.transformer.resblocks, 1):
            adapted = number % self.every == 0
            x = _beside(block, self.adapters[number // self.every - 1], x) if adapted else block(x)
        embedded: Tensor = tower.ln_post(x) @ tower.proj
        return embedded


def _beside(block: Any, adapter: nn.Module, x: Tensor) -> Tensor:
    """A block of the tower whose perceptron has an adapter beside it: both read its attention."""
    x = x + block.ls_1(block.attention(block.ln_1(x)))
    found: Tensor = x + block.ls_2(block.mlp(block.ln_2(x))) + adapter(x)
    return found
