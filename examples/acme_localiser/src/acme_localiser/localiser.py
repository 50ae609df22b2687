"""The modules. Shape letters: B images, c channels, h and w the map's sides."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from acme_localiser.parts import CHANGED
from mfclip import Outputs, ParameterGroup, Targets


class Localiser(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and the map of what was changed (B, 1, h, w)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            stages += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.stages = nn.Sequential(*stages)
        self.place = nn.Conv2d(widths[-1], 1, 1)
        self.head = nn.Linear(2, 2)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The head has four weights and may learn faster."""
        return [ParameterGroup("head", rate=2.0)]

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """Judge each image by the strongest and by the mean of its marks."""
        changed = self.place(self.stages(images))  # (B, 1, h, w)
        marks = torch.cat([changed.amax((2, 3)), changed.mean((2, 3))], 1)  # (B, 2)
        return Outputs(self.head(marks), extra={CHANGED: changed})


class MaskLoss(nn.Module):
    """Mean binary cross-entropy over all places of a batch."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """The mask (B, 1, H, W), 0-1, is averaged down to the map's size."""
        changed = outputs.extra[CHANGED].float()
        mask = functional.interpolate(targets.named["mask"], changed.shape[-2:], mode="area")
        return functional.binary_cross_entropy_with_logits(changed, mask)
