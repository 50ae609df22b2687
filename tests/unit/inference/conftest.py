"""A small detector with batch norm, its preprocessing, and pictures to score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mfclip.data.preprocess import Preprocessor
from mfclip.detector.model import VisionLanguageDetector
from mfclip.recipe.settings import PreprocessingSettings


@pytest.fixture
def detector() -> VisionLanguageDetector:
    """In training mode, with a text side, its batch norm's statistics not those of a fresh one."""
    torch.manual_seed(0)
    vision = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2),
        nn.BatchNorm2d(12),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    detector = VisionLanguageDetector(
        vision,
        12,
        text=nn.Embedding(5, 12),
        tokens=torch.ones(2, 1, 77, dtype=torch.long),
        normalise=False,
    )
    with torch.no_grad():
        for norm in (vision[1], vision[4]):
            for value in (norm.weight, norm.bias, norm.running_mean):
                value.uniform_(-1, 1)
            norm.running_var.uniform_(0.01, 0.1)
    return detector


@pytest.fixture
def preprocessor() -> Preprocessor:
    """Squares of 16 pixels."""
    return Preprocessor(PreprocessingSettings(size=16))


@pytest.fixture
def images() -> list[torch.Tensor]:
    """Seven random pictures of unlike brightness and size, uint8 (3, H, W)."""
    draw = torch.Generator().manual_seed(2)
    sizes = [(16, 16), (20, 24), (16, 16), (24, 20), (20, 24), (16, 16), (40, 18)]
    bright = [256, 20, 90, 250, 140, 60, 190]
    return [
        torch.randint(0, high, (3, *size), generator=draw).byte()
        for high, size in zip(bright, sizes, strict=True)
    ]


@pytest.fixture
def folder(tmp_path: Path, images: list[torch.Tensor]) -> Path:
    """The pictures as PNG files 0.png ... 6.png."""
    for number, image in enumerate(images):
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path
