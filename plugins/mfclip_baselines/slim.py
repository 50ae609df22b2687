"""timm's Xception with all its widths multiplied, for CPUs and first tries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timm.models.xception import Block, SeparableConv2d
from torch import nn

from mfclip.errors import RecipeError
from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import backbone

MIDDLE = 728
"""Channels of Xception's middle blocks, at 1/16 of the image's side."""


def xception(
    weights: Path | WeightName | None = None, *, share: float = 1.0, drop_rate: float = 0.0
) -> Any:
    """``legacy_xception`` with two classes; ``share`` of its channels in every layer.

    Raises
    ------
    RecipeError
        Where weights are given for another ``share`` than 1, and as :func:`backbone`.
    """
    if share != 1 and weights is not None:
        raise RecipeError(f"weights are of the whole Xception; got share {share:g}")
    made: Any = backbone("legacy_xception", weights=weights, num_classes=2, drop_rate=drop_rate)
    if share != 1:
        _narrow(made, share)
    return made


def channels(width: int, share: float) -> int:
    """Channels that are left of ``width``."""
    return max(1, round(width * share))


def _narrow(made: Any, share: float) -> None:
    """Replace every layer that has channels; the order of layers stays timm's."""
    c32, c64, c128, c256, c728, c1024, c1536, c2048 = (
        channels(width, share) for width in (32, 64, 128, 256, MIDDLE, 1024, 1536, 2048)
    )
    made.conv1, made.bn1 = nn.Conv2d(3, c32, 3, 2, bias=False), nn.BatchNorm2d(c32)
    made.conv2, made.bn2 = nn.Conv2d(c32, c64, 3, bias=False), nn.BatchNorm2d(c64)
    made.block1 = Block(c64, c128, 2, 2, start_with_relu=False)
    made.block2, made.block3 = Block(c128, c256, 2, 2), Block(c256, c728, 2, 2)
    for place in range(4, 12):
        setattr(made, f"block{place}", Block(c728, c728, 3))
    made.block12 = Block(c728, c1024, 2, 2, grow_first=False)
    made.conv3, made.bn3 = SeparableConv2d(c1024, c1536, 3, 1, 1), nn.BatchNorm2d(c1536)
    made.conv4, made.bn4 = SeparableConv2d(c1536, c2048, 3, 1, 1), nn.BatchNorm2d(c2048)
    made.fc, made.num_features = nn.Linear(c2048, 2), c2048
