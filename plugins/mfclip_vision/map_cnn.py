"""An encoder of an input beside the image: a map over it, such as a reconstruction error."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from mfclip.errors import PluginError


class MapEncoder(nn.Module):
    """A map (B, c, H, W), 0-1, by keyword -> embeddings (B, d). The images are not looked at."""

    def __init__(self, keyword: str, channels: int, widths: tuple[int, ...], dim: int) -> None:
        super().__init__()
        self.keyword, self.channels = keyword, channels
        stages: list[nn.Module] = []
        for before, after in zip((channels, *widths), widths, strict=False):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            stages += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
        self.stages = nn.Sequential(*stages)
        self.out = nn.Linear(widths[-1], dim)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], **given: Any
    ) -> Float[Tensor, "batch d"]:
        """Encode the map of each image. Raises :class:`PluginError` for another channel count."""
        maps = given[self.keyword]  # (B, c, H, W)
        if maps.ndim != 4 or maps.shape[1] != self.channels:
            raise PluginError(
                f"map-cnn reads maps of {self.channels} channels; received "
                f"{tuple(maps.shape)}: set `channels` to what the input has"
            )
        features = self.stages(maps)  # (B, widths[-1], h, w)
        embedding: Tensor = self.out(features.mean((2, 3)))
        return embedding
