"""Small batches and what every system is held to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor


@pytest.fixture
def images() -> Tensor:
    """Four images of 64 pixels, 0-1."""
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
