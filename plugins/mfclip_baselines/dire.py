"""DIRE (Wang et al., ICCV 2023): what a diffusion model cannot reconstruct, and a ResNet on it.

Real images come back changed from a diffusion model, images of such models nearly as they were.
Images in here are -1 to 1 and noise levels are numbered from 0, the image itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone

Images = Float[Tensor, "batch 3 side side"]
Noise = Callable[[Images, int, float], Images]
"""Images, a time, what is kept of the clean one at that time (0-1) -> the noise in them."""


@dataclass(frozen=True)
class Ddim:
    """Deterministic steps between an image and noise (DDIM, Song et al. 2021, Eq. 12, sigma 0)."""

    times: tuple[int, ...]
    """Of the levels 1, 2, ...: the steps of the model's own schedule."""
    kept: tuple[float, ...]
    """What is kept of the clean image at the levels 0, 1, 2, ...: the product of alphas, 1 to 0."""

    @staticmethod
    def spaced(products: Sequence[float], steps: int) -> Ddim:
        """Every so-manieth of a model's steps, from its first. ``products``: of its alphas."""
        times = tuple(step * (len(products) // steps) for step in range(steps))
        return Ddim(times, (1.0, *(float(products[time]) for time in times)))

    def inverted(self, x: Images, noise: Noise) -> Images:
        """From the image to noise: what is the noise is asked of the level to come (Eq. 8)."""
        for level, time in enumerate(self.times):
            x = self._moved(x, noise(x, time, self.kept[level + 1]), level, level + 1)
        return x

    def reconstructed(self, x: Images, noise: Noise) -> Images:
        """From noise to the image (Eq. 7)."""
        for level, time in reversed(list(enumerate(self.times, 1))):
            x = self._moved(x, noise(x, time, self.kept[level]), level, level - 1)
        return x

    def _moved(self, x: Images, noise: Images, level: int, to: int) -> Images:
        """Take the noise away, and add as much as the other level has."""
        before, after = self.kept[level], self.kept[to]
        clean = (x - (1 - before) ** 0.5 * noise) / before**0.5
        moved: Tensor = after**0.5 * clean + (1 - after) ** 0.5 * noise
        return moved


def reconstruction_error(x: Images, ddim: Ddim, noise: Noise) -> Images:
    """|x - x_hat| / 2, 0 where nothing changed and 1 between black and white (Eq. 10)."""
    again = ddim.reconstructed(ddim.inverted(x, noise), noise)
    return ((x - again).abs() / 2).clamp(max=1)


class Dire(nn.Module):
    """Maps (B, 3, H, W), 0-1 -> logits (B, 2). The network is timm's."""

    def __init__(self, weights: Path | WeightName | None = None, *, model: str) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        self.network = backbone(model, weights=weights, num_classes=2, zero_init_last=False)

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"],
        dire: Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, "batch 2"]:
        """Columns real, fake. Of the images themselves nothing is read."""
        logits: Tensor = self.network(self.normalise(dire.to(images.dtype)))
        return logits
