"""Yu et al. (Pattern Recognition 2024): uncertain embeddings, labels at three levels of an image.

Shape letters: B images, C channels of the backbone, D the embedding's width, h and w a level's
grid: 1/16 of the image's sides for pixels, 1/32 for patches, one place for the image.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.outputs import Outputs, Targets
from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone
from mfclip_baselines.output_names import YU_KL as KL
from mfclip_baselines.output_names import YU_MAP as MAP
from mfclip_baselines.output_names import YU_MASK as MASK
from mfclip_baselines.output_names import YU_PATCHES as PATCHES
from mfclip_baselines.output_names import YU_PIXELS as PIXELS


class Yu(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and the map of forged pixels (B, 1, h, w), 0-1."""

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        model: str = "efficientnet_b4",
        width: int = 512,
        places: int = 64,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        features = backbone(model, weights=weights, features_only=True, out_indices=(-2, -1))
        self.network = cast(Any, features)
        fine, coarse = self.network.feature_info.channels()
        self.pixels = Level(fine, places, 1)
        self.patches = Level(coarse, places, 1)
        self.image = Level(coarse, width, 2)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """The verdict is the image's level; the others are auxiliary, and pixels make the map."""
        fine, coarse = self.network(self.normalise(images))  # (B, C, h, w), half of that
        logits, of_image = self.image(coarse.mean((2, 3), keepdim=True))
        pixels, of_pixels = self.pixels(fine)
        extra = {MAP: pixels.sigmoid()}
        if self.training:
            patches, of_patches = self.patches(coarse)
            kl = torch.stack([of_pixels, of_patches, of_image], 1)
            extra |= {PIXELS: pixels, PATCHES: patches, KL: kl}
        return Outputs(logits.flatten(1), extra=extra)


class Level(nn.Module):
    """Each place becomes N(μ, σ²), a sample of which is classified; outside training μ itself."""

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.mean = nn.Conv2d(channels, width, 1)
        self.log_variance = nn.Conv2d(channels, width, 1)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(
        self, features: Float[Tensor, "batch channels h w"]
    ) -> tuple[Float[Tensor, "batch classes h w"], Float[Tensor, " batch"]]:
        """Scores, and the divergence from N(0, 1), mean over the places."""
        mean, log_variance = self.mean(features), self.log_variance(features)
        drawn = mean
        if self.training:
            drawn = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.classify(drawn), divergence(mean.float(), log_variance.float())


def divergence(
    mean: Float[Tensor, "batch width h w"], log_variance: Float[Tensor, "batch width h w"]
) -> Float[Tensor, " batch"]:
    """KL(N(μ, σ²) ‖ N(0, 1)) = Σ (μ² + σ² - 1 - log σ²) / 2 over the width, mean over places."""
    each = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
    return each.sum(1).mean((1, 2))


class Hierarchy(nn.Module):
    """Binary cross-entropy of pixels and patches with how much of each was forged."""

    def __init__(self, *, masks: bool) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Sum of both levels. Without masks every place has its image's label."""
        everywhere = targets.label.float().view(-1, 1, 1, 1)
        mask = targets.named[MASK].float() if self.masks else everywhere
        levels = (outputs.extra[PIXELS], outputs.extra[PATCHES])
        return sum(
            (
                functional.binary_cross_entropy_with_logits(level, at_size_of(level, mask))
                for level in levels
            ),
            start=levels[0].new_zeros(()),
        )


def at_size_of(
    level: Float[Tensor, "batch 1 h w"], mask: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, "batch 1 h w"]:
    """The share of each of its places that the mask, 0-1, covers."""
    return functional.adaptive_avg_pool2d(mask, (level.shape[-2], level.shape[-1]))


class Divergence(nn.Module):
    """How far the embeddings are from N(0, 1)."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Sum over the levels, mean over the batch."""
        return outputs.extra[KL].sum(1).mean()
