"""Image encoder IE: CViT, a VGG-like CNN whose last map becomes one token of a transformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.errors import UsageError
from mfclip_vision.blocks import ClassTokenTransformer
from mfclip_vision.convolutions import stacked

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def conv_group(inputs: int, outputs: int, convolutions: int) -> Iterator[nn.Module]:
    """Convolutions, then a 2x2 max pooling."""
    yield from stacked(inputs, outputs, convolutions)
    yield nn.MaxPool2d(2)


class CvitEncoder(nn.Module):
    """Images (B, 3, size, size), float 0-1, RGB -> X_i (B, d).

    With groups of 3, 3, 3, 4, 4 convolutions an image of 224 pixels ends as a map of 7x7x512,
    which is one single token. Other sizes end as one token too, of a larger or smaller map.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        image_size: int,
        channels: Sequence[int],
        convolutions: Sequence[int],
        width: int,
        depth: int,
        heads: int,
        mlp: int,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        side = image_size // 2 ** len(channels)
        groups = zip((3, *channels), channels, convolutions, strict=False)
        self.cnn = nn.Sequential(*(layer for group in groups for layer in conv_group(*group)))
        self.project = nn.Linear(channels[-1] * side * side, width)
        self.transformer = ClassTokenTransformer(
            tokens=1, width=width, depth=depth, heads=heads, mlp=mlp
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch width"]:
        """Encode whole images."""
        if images.shape[-2:] != (self.image_size, self.image_size):
            raise UsageError(
                f"cvit was built for images of {self.image_size}x{self.image_size} pixels, "
                f"got {images.shape[-2]}x{images.shape[-1]}; resize them or set preprocessing.size"
            )
        normalised = (images - self.mean) / self.std
        # Channels last: the layout in which convolutions and poolings are fastest on CPU and GPU.
        x = normalised.to(self.project.weight.dtype, memory_format=torch.channels_last)
        # (B, c, h, w) -> (B, c h w) -> (B, d)
        token = self.project(self.cnn(x).flatten(1))
        out: Tensor = self.transformer(token.unsqueeze(1))
        return out
