"""M2TR (Wang et al., ICMR 2022): attention among patches of four sizes, beside a filtered spectrum.

Shape letters: B images, c channels, s side of the map that the blocks work on, a quarter of the
image's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fft, nn
from torch.nn import functional

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone

Maps = Float[Tensor, "batch channels side side"]
CELL = 4
"""Pixels a side of one cell of that map."""
SCALES = (1, 2, 4, 8)
"""How many patches a side each head sees."""
FRONT = 4
"""Layers before the blocks: the stem, its norm, two groups of EfficientNet's."""


class M2tr(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2).

    The first layers of an EfficientNet-B4, the blocks, the rest of the EfficientNet.
    """

    def __init__(
        self,
        image_size: int,
        weights: Path | WeightName | None = None,
        *,
        depth: int = 4,
        drop_rate: float = 0.2,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        network: Any = backbone(
            "tf_efficientnet_b4", weights=weights, num_classes=2, drop_rate=drop_rate
        )
        layers = list(network.as_sequential())
        self.front, self.rest = nn.Sequential(*layers[:FRONT]), nn.Sequential(*layers[FRONT:])
        width, side = network.feature_info[1]["num_chs"], image_size // CELL
        self.blocks = nn.Sequential(*(Block(width, side) for _ in range(depth)))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake."""
        x = self.front(self.normalise(images))  # (B, 32, s, s)
        logits: Tensor = self.rest(self.blocks(x))
        return logits


class Block(nn.Module):
    """Maps -> maps: patches read each other, then all places read the filtered spectrum."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.patches = PatchAttention(width)
        self.patches_forward = FeedForward(width)
        self.spectrum = SpectrumFilter(width, side)
        self.spectrum_forward = FeedForward(width)
        self.fusion = CrossModality(width)

    def forward(self, x: Maps) -> Maps:
        """Every step is added to what came in."""
        x = x + self.patches(x)
        x = x + self.patches_forward(x)
        frequencies = x + self.spectrum_forward(self.spectrum(x))
        fused: Tensor = x + self.fusion(x, frequencies)
        return fused


class PatchAttention(nn.Module):
    """Multi-scale attention: one head for each of the patch sizes s, s/2, s/4 and s/8.

    A token is a whole patch, all of its cells and channels. The head of one patch passes it on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(width, width, 1) for _ in range(3))
        self.out = _convolution(width)

    def forward(self, x: Maps) -> Maps:
        """What every patch reads."""
        parts = (part(x).chunk(len(SCALES), 1) for part in (self.query, self.key, self.value))
        read = [_read(n, *heads) for n, *heads in zip(SCALES, *parts, strict=True)]
        given: Tensor = self.out(torch.cat(read, 1))
        return given


def _read(n: int, query: Maps, key: Maps, value: Maps) -> Maps:
    """One head: n x n patches of the maps, each of which reads all of them."""
    q, k, v = (_cut(maps, n) for maps in (query, key, value))
    return _joined(functional.scaled_dot_product_attention(q, k, v), n, value)


def _cut(maps: Maps, n: int) -> Float[Tensor, "batch patches length"]:
    """Maps (B, c, s, s) -> n x n patches as rows (B, n n, c p p), p = s / n."""
    batch, channels, side, _ = maps.shape
    p = side // n
    return maps.view(batch, channels, n, p, n, p).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def _joined(rows: Float[Tensor, "batch patches length"], n: int, like: Maps) -> Maps:
    """The reverse of :func:`_cut`, for maps with the sides of ``like``."""
    side = like.shape[-1]
    p = side // n
    parts = rows.reshape(len(rows), n, n, -1, p, p).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(len(rows), -1, side, side)


class SpectrumFilter(nn.Module):
    """Maps -> maps: their spectrum times learned complex numbers, one a frequency and channel."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(2, width, side, side // 2 + 1))

    def forward(self, x: Maps) -> Maps:
        """Computed in float32: there is no Fourier transform in bfloat16."""
        with torch.autocast(x.device.type, enabled=False):
            weight = torch.complex(*self.weight.float())
            spectrum = fft.rfft2(x.float(), norm="ortho") * weight
            filtered: Tensor = fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho")
            return filtered.to(x.dtype)


class CrossModality(nn.Module):
    """Every place of the maps reads all places of their filtered spectrum's maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(width, width, 1) for _ in range(3))
        self.out = _convolution(width, side=1)

    def forward(self, pixels: Maps, frequencies: Maps) -> Maps:
        """What every place reads."""
        query, key, value = (
            part(maps).flatten(2).mT  # (B, s s, c)
            for part, maps in (
                (self.query, pixels),
                (self.key, frequencies),
                (self.value, frequencies),
            )
        )
        read = functional.scaled_dot_product_attention(query, key, value)
        given: Tensor = self.out(read.mT.reshape(pixels.shape))
        return given


class FeedForward(nn.Sequential):
    """Maps -> maps: two convolutions of 3x3, the first over every other cell."""

    def __init__(self, width: int) -> None:
        super().__init__(_convolution(width, dilation=2), _convolution(width))


def _convolution(width: int, *, side: int = 3, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (side // 2)
    return nn.Sequential(
        nn.Conv2d(width, width, side, padding=padding, dilation=dilation),
        nn.BatchNorm2d(width),
        nn.LeakyReLU(0.2, inplace=True),
    )
