"""Noise encoder NE: SRM residual of the richest patch -> CNN -> one token -> transformer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip_vision.blocks import ClassTokenTransformer
from mfclip_vision.convolutions import stacked
from mfclip_vision.homogeneity import homogeneity
from mfclip_vision.patches import Choice, select_patches
from mfclip_vision.srm import FilterSet, SrmResidual


class NoiseView(NamedTuple):
    """What the noise encoder reads in each image."""

    box: Float[Tensor, "batch 4"]
    """left, top, right, bottom; pixels of the image."""
    patch: Float[Tensor, "batch 3 p p"]
    """The pixels, 0-1."""
    noise: Float[Tensor, "batch filters p p"]
    """N: the SRM residual, grey levels."""


class TextureView(NamedTuple):
    """One end of an image's patches, ordered by texture."""

    box: Float[Tensor, "batch 4"]
    """left, top, right, bottom; pixels of the image."""
    patch: Float[Tensor, "batch 3 p p"]
    """The pixels, 0-1."""
    noise: Float[Tensor, "batch filters p p"]
    """N: the SRM residual, grey levels."""
    homogeneity: Float[Tensor, " batch"]
    """Of the patch's grey-level co-occurrence matrix, 0-1; the smaller, the richer."""


def noise_backbone(filters: int, channels: int, patch_size: int, grid: int) -> nn.Sequential:
    """N (B, filters, p, p) -> local noise embeddings (B, channels, grid, grid).

    Three stages of two convolutions. Each of the first two stages halves its map as long as it
    stays no smaller than the grid. Means, not maxima: what tells in a residual is its average
    energy.
    """
    stages = ((filters, channels // 2), (channels // 2, channels), (channels, channels))
    layers: list[nn.Module] = []
    side = patch_size
    for number, (inputs, outputs) in enumerate(stages):
        layers += stacked(inputs, outputs, 2)
        if number < 2 and side // 2 >= grid:
            layers.append(nn.AvgPool2d(2))
            side //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid))


class SrmNoiseEncoder(nn.Module):
    """Images (B, 3, H, W), float 0-1, RGB -> N_n (B, d)."""

    def __init__(
        self,
        *,
        patch_size: int,
        choose: Choice,
        filters: FilterSet,
        truncate: float | None,
        channels: int,
        grid: int,
        width: int,
        blocks: int,
        heads: int,
        mlp: int,
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.choose: Choice = choose
        self.srm = SrmResidual(filters, truncate)
        self.cnn = noise_backbone(len(self.srm.weights), channels, patch_size, grid)
        self.project = nn.Linear(channels * grid * grid, width)
        self.transformer = ClassTokenTransformer(
            tokens=1, width=width, depth=blocks, heads=heads, mlp=mlp
        )

    def richest_patch(self, images: Float[Tensor, "batch 3 height width"]) -> NoiseView:
        """The patch it reads (the poorest where it was told so), and the residual there."""
        box, patch = select_patches(images, self.patch_size, self.choose)
        return NoiseView(box, patch, self.srm(patch))

    def texture_ends(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[TextureView, TextureView]:
        """The richest and the poorest patch of each image, whichever of them it reads (Fig. 1)."""
        values = homogeneity(images, self.patch_size).flatten(1)

        def view(choose: Choice, level: Tensor) -> TextureView:
            box, patch = select_patches(images, self.patch_size, choose)
            return TextureView(box, patch, self.srm(patch), level)

        return view("richest", values.amin(1)), view("poorest", values.amax(1))

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch width"]:
        """Encode the noise of one patch of each image."""
        noise = self.richest_patch(images).noise
        # Channels last, as in the image encoder.
        x = noise.to(self.project.weight.dtype, memory_format=torch.channels_last)
        # (B, c, h, w) -> (B, c h w) -> (B, d)
        token = self.project(self.cnn(x).flatten(1))
        out: Tensor = self.transformer(token.unsqueeze(1))
        return out
