"""NPR, neighbouring pixel relationships. B images, H and W their sides, c channels of a map."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from mfclip import Outputs
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from acme_npr.parts import MAP

STD = (0.229, 0.224, 0.225)
"""ImageNet's deviation of R, G and B. Its mean would cancel in a difference of two pixels."""


def relations(
    images: Float[Tensor, "batch 3 height width"], window: int = 2
) -> Float[Tensor, "batch 3 height width"]:
    """Each pixel minus the top left one of its window: what an up-sampling would have copied."""
    height, width = images.shape[-2:]
    corners = images[..., ::window, ::window]
    spread = corners.repeat_interleave(window, -2).repeat_interleave(window, -1)
    return images - spread[..., :height, :width]


class Npr(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and the map of |NPR| (B, 1, H, W), 0-1."""

    scale: Tensor

    def __init__(self, window: int = 2, channels: int = 64) -> None:
        super().__init__()
        self.window = window
        scale = (2 / 3) / torch.tensor(STD).view(3, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.layer1 = _blocks(channels, channels, 3)
        self.layer2 = _blocks(4 * channels, 2 * channels, 4, stride=2)
        self.head = nn.Linear(8 * channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """Judge the differences alone; the image itself is not seen."""
        npr = relations(images, self.window)
        maps = self.layer2(self.layer1(self.stem(npr * self.scale)))  # (B, 8 c, H/8, W/8)
        logit = self.head(maps.mean((2, 3)))
        return Outputs(two_columns(logit), extra={MAP: npr.abs().mean(1, keepdim=True)})


def two_columns(logit: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 2"]:
    """One logit of being fake as columns real, fake: their cross-entropy is its binary one."""
    return torch.cat([-logit / 2, logit / 2], 1)


def _blocks(inputs: int, width: int, count: int, stride: int = 1) -> nn.Sequential:
    """A layer of ResNet-50: bottlenecks of ``width``, which give four times as many channels."""
    block: Any = Bottleneck  # torchvision has no types
    shortcut = nn.Sequential(
        nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
    )
    rest = [block(4 * width, width) for _ in range(count - 1)]
    return nn.Sequential(block(inputs, width, stride, shortcut), *rest)
