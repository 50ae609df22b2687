"""Two-Stream (Luo et al., CVPR 2021): an Xception on pixels and one on noise read each other.

Shape letters: B images, c channels, h and w sides of a map.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise, backbone

Maps = Float[Tensor, "batch channels height width"]
KERNELS = (
    (
        (0, 0, 0, 0, 0),
        (0, -1, 2, -1, 0),
        (0, 2, -4, 2, 0),
        (0, -1, 2, -1, 0),
        (0, 0, 0, 0, 0),
    ),
    (
        (-1, 2, -2, 2, -1),
        (2, -6, 8, -6, 2),
        (-2, 8, -12, 8, -2),
        (2, -6, 8, -6, 2),
        (-1, 2, -2, 2, -1),
    ),
    (
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 1, -2, 1, 0),
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ),
)
"""KB, KV and the horizontal second order of the steganalysis rich model (SRM)."""
DIVISORS = (4, 12, 2)
"""What the kernels are divided by."""
TRUNCATION = 3.0
"""Residuals are cut to this much either side of zero."""
WIDTH, LAST = 728, 2048
"""Channels of an Xception's middle and end."""
SMALL_GAIN = 0.02
"""Of the first weights of every attention: it begins as good as even."""


def middle_side(image_size: int) -> int:
    """Cells a side of an Xception's map after its third block; the first layers do not pad."""
    side = (image_size - 3) // 2 + 1 - 2
    for _ in range(3):
        side = (side - 1) // 2 + 1
    return side


class TwoStream(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2)."""

    def __init__(
        self,
        image_size: int,
        weights: Path | WeightName | None = None,
        *,
        drop_rate: float = 0.5,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*HALVES)
        self.pixels = Stream(weights)
        self.noise = Stream(weights)
        self.residual = Residual(3, together=True)
        self.more = nn.ModuleList(FeatureResidual(width) for width in (32, 64))
        self.guide = SpatialGuide()
        self.attentions = nn.ModuleList(
            DualAttention(WIDTH, middle_side(image_size) ** 2) for _ in range(2)
        )
        self.fusion = Fusion(LAST)
        self.head = nn.Sequential(nn.Dropout(drop_rate), nn.Linear(LAST, 2))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake."""
        images = self.normalise(images)
        residual = self.residual(images)  # (B, 3, H, W)
        x = self.pixels.first(images)  # (B, 32, h, w)
        y = (self.noise.first(residual) + self.more[0](x)).relu()
        x = self.pixels.second(x)  # (B, 64, h, w)
        y = (self.noise.second(y) + self.more[1](x)).relu()
        x = self.guide(x, residual)
        x, y = self.attentions[0](self.pixels.entry(x), self.noise.entry(y))  # (B, 728, h, w)
        x, y = self.attentions[1](self.pixels.middle(x), self.noise.middle(y))
        fused = self.fusion(self.pixels.exit(x), self.noise.exit(y))  # (B, 2048, h, w)
        logits: Tensor = self.head(fused.relu().mean((2, 3)))
        return logits


class Stream(nn.Module):
    """timm's Xception without its classifier, cut where the streams meet."""

    def __init__(self, weights: Path | WeightName | None) -> None:
        super().__init__()
        net: Any = backbone("legacy_xception", weights=weights, num_classes=0)
        blocks = [net.get_submodule(f"block{number}") for number in range(1, 13)]
        self.first = nn.Sequential(net.conv1, net.bn1, net.act1)
        self.second = nn.Sequential(net.conv2, net.bn2, net.act2)
        self.entry = nn.Sequential(*blocks[:3])
        self.middle = nn.Sequential(*blocks[3:7])
        self.exit = nn.Sequential(
            *blocks[7:], net.conv3, net.bn3, net.act3, net.conv4, net.bn4
        )  # its last ReLU follows the fusion


class Residual(nn.Module):
    """What three SRM filters leave of maps (B, c, h, w), cut to ``TRUNCATION``.

    ``together``: each filter reads the sum of all channels, (B, 3, h, w). Otherwise each channel
    is filtered by itself, (B, 3 c, h, w).
    """

    kernels: Tensor

    def __init__(self, channels: int, *, together: bool) -> None:
        super().__init__()
        filters = torch.tensor(KERNELS) / torch.tensor(DIVISORS).view(3, 1, 1)  # (3, 5, 5)
        shape = (1, channels, 1, 1) if together else (channels, 1, 1, 1)
        repeated = filters.unsqueeze(1).repeat(shape)  # (3, c, 5, 5) or (3 c, 1, 5, 5)
        self.register_buffer("kernels", repeated, persistent=False)
        self.groups = 1 if together else channels

    def forward(self, maps: Maps) -> Maps:
        """Borders are zeros, as in print."""
        kept = functional.conv2d(maps, self.kernels, padding=2, groups=self.groups)
        return kept.clamp(-TRUNCATION, TRUNCATION)


class FeatureResidual(nn.Sequential):
    """Multi-scale noise: the residual of the pixel stream's features, mixed to their width."""

    def __init__(self, width: int) -> None:
        mix = nn.Conv2d(3 * width, width, 1, bias=False)
        nn.init.kaiming_normal_(mix.weight, a=1)
        super().__init__(
            Residual(width, together=False), mix, nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )


class SpatialGuide(nn.Module):
    """Residual-guided spatial attention: where the noise is odd, early features count more."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Sequential(  # strides and borders are those of the Xception's first layers
            nn.Conv2d(3, 32, 3, 2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        self.weigh = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        for layer in (self.read[0], self.read[3], self.weigh):
            nn.init.kaiming_normal_(layer.get_parameter("weight"), a=1)
        self.after = nn.Sequential(nn.BatchNorm2d(64), nn.ReLU(inplace=True))

    def attention(
        self, residual: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 h w"]:
        """The map, 0-1."""
        x = self.read(residual)
        two = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        map_: Tensor = self.weigh(two).sigmoid()
        return map_

    def forward(
        self, x: Float[Tensor, "batch 64 h w"], residual: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 64 h w"]:
        """Features once, and once more as the map weighs them."""
        guided: Tensor = self.after(x + x * self.attention(residual))
        return guided


class DualAttention(nn.Module):
    """Dual cross-modality attention: each stream reads the other by one shared comparison.

    The comparison of all places of one map with all places of the other passes a linear layer over
    the places, one a direction, so that maps have one fixed size. Gates begin at zero.
    """

    def __init__(self, width: int, places: int, *, ratio: int = 8) -> None:
        super().__init__()
        narrow = width // ratio
        self.keys = nn.ModuleList(nn.Conv2d(width, narrow, 1) for _ in range(2))
        self.shared = nn.Conv2d(narrow, narrow, 1)
        self.places = nn.ModuleList(nn.Linear(places, places) for _ in range(2))
        self.values = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(2))
        self.gates = nn.Parameter(torch.zeros(2))
        for layer in (*self.keys, self.shared, *self.places, *self.values):
            nn.init.xavier_normal_(layer.get_parameter("weight"), gain=SMALL_GAIN)

    def forward(self, x: Maps, y: Maps) -> tuple[Maps, Maps]:
        """Both maps, each with what it read of the other."""
        of_x, of_y = (self.shared(key(maps)) for key, maps in zip(self.keys, (x, y), strict=True))
        alike = of_x.flatten(2).mT @ of_y.flatten(2)  # (B, places of x, places of y)
        x_reads = self.places[0](alike).softmax(-1)
        y_reads = self.places[1](alike.mT).softmax(-1)
        seen_by_x = self.values[1](y).flatten(2) @ x_reads.mT  # (B, c, places of x)
        seen_by_y = self.values[0](x).flatten(2) @ y_reads.mT
        return (
            x + self.gates[0] * seen_by_x.view_as(x),
            y + self.gates[1] * seen_by_y.view_as(y),
        )


class Fusion(nn.Module):
    """Both streams' last maps in one, with channel attention."""

    def __init__(self, width: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(2 * width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.weigh = nn.Sequential(
            nn.Conv2d(width, width // ratio, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(width // ratio, width, 1, bias=False),
        )
        for layer in (self.weigh[0], self.weigh[2]):
            nn.init.xavier_normal_(layer.get_parameter("weight"), gain=SMALL_GAIN)

    def forward(self, x: Maps, y: Maps) -> Maps:
        """Channels are weighed by their mean and their largest value over the map."""
        fused = self.mix(torch.cat([x, y], 1))
        mean, largest = fused.mean((2, 3), keepdim=True), fused.amax((2, 3), keepdim=True)
        weights = (self.weigh(mean) + self.weigh(largest)).sigmoid()
        whole: Tensor = fused + fused * weights
        return whole
