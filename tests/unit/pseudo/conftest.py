"""Photographs of two sizes, and pseudo-fakes built."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.transform import resize
from torch import Tensor


def draw(picture: np.ndarray, height: int, width: int) -> Tensor:
    small = resize(picture, (height, width), anti_aliasing=True)
    return torch.from_numpy((small * 255).round().astype(np.uint8)).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="session")
def face() -> Tensor:
    """(3, 128, 96), uint8."""
    return draw(data.astronaut()[:240, 120:300], 128, 96)


@pytest.fixture(scope="session")
def other() -> Tensor:
    """Another photograph, (3, 100, 100), uint8."""
    return draw(data.chelsea()[:300, 80:380], 100, 100)


@pytest.fixture(scope="session")
def grey() -> Tensor:
    """Nearly plain: grey with a little noise, (3, 128, 128), uint8."""
    noise = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))
    return (128 + 2 * noise).round().to(torch.uint8)
