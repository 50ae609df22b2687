"""Small batches and what every system is held to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn


@pytest.fixture
def images() -> Tensor:
    """Four images of 64 pixels, 0-1."""
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def clip_file(towers: nn.Module, file: Path) -> Path:
    """Weights of both towers, as open_clip saves them."""
    state = towers.state_dict()
    save_file({name: value.clone().contiguous() for name, value in state.items()}, file)
    return file


def image_tower(towers: nn.Module, file: Path) -> Path:
    """Weights of the image tower alone, as open_clip names them in a whole model."""
    return clip_file(nn.ModuleDict({"visual": towers.get_submodule("visual")}), file)


def learns(network: nn.Module, total: Tensor) -> set[str]:
    """Names of the parameters that a loss gives a gradient that is not all zero."""
    network.zero_grad()
    total.backward()
    named = network.named_parameters()
    return {name for name, p in named if p.grad is not None and bool(p.grad.any())}


def pipeline(folder: Path) -> Path:
    """A diffusion model of random weights for images of 16 pixels, as diffusers saves it."""
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(folder)
    return folder
