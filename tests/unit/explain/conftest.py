"""Detectors small enough to know what they look at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip.detector.outputs import Outputs

SIZE = 32
CORNER = 8


class Corner(nn.Module):
    """Log-odds: how bright the top left corner is, times ``weight``. Nothing else counts."""

    def __init__(self, weight: float = 10.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, images):
        fake = images[:, :, :CORNER, :CORNER].mean(dim=(1, 2, 3)) * self.weight
        return Outputs(logits=torch.stack([torch.zeros_like(fake), fake], dim=1))


class Convolutional(nn.Module):
    """Two convolutions, drawn from a seed."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        )  # fmt: skip
        self.head = nn.Linear(8 * (SIZE // 4) ** 2, 2)

    def forward(self, images):
        return Outputs(logits=self.head(self.cnn(images).flatten(1)))


@pytest.fixture
def image():
    return torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(7))


@pytest.fixture
def corner():
    return Corner


@pytest.fixture
def convolutional():
    return Convolutional
