"""FoCus (Tian et al., 2024): where a face was changed, learnt from labels alone.

Shape letters: B images, P = g * g patches, D the transformer's width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.outputs import FAKE, REAL, Outputs, Targets
from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise, backbone
from mfclip_baselines.output_names import FOCUS_EDGES as EDGES
from mfclip_baselines.output_names import FOCUS_MAP as MAP
from mfclip_baselines.output_names import FOCUS_RGB as RGB
from mfclip_baselines.reductions import masked_mean
from mfclip_baselines.transformer import class_attention, embedded


class Focus(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and the map of what was changed (B, 1, g, g), 0-1.

    Complementary learning: what the stream of colours found is hidden from the stream of edges,
    which so has to find more.
    """

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        image_size: int = 224,
        patch: int = 16,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
    ) -> None:
        super().__init__()
        shape = {
            "img_size": image_size,
            "patch_size": patch,
            "embed_dim": width,
            "depth": depth,
            "num_heads": heads,
        }
        self.sobel = Sobel()
        self.rgb = Stream(Normalise(*HALVES), weights, shape)
        self.edges = Stream(nn.Identity(), weights, shape)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """The mean of both streams; the map is the stronger one at each place."""
        rgb, first = self.rgb(images)
        edges, second = self.edges(self.sobel(images), hidden=first.detach())
        extra = {MAP: torch.maximum(first, second), RGB: rgb, EDGES: edges}
        return Outputs((rgb + edges) / 2, extra=extra)


class Stream(nn.Module):
    """A transformer, and regions that are proposed by the attention of its verdict (CARP)."""

    def __init__(
        self, normalise: nn.Module, weights: Path | WeightName | None, shape: dict[str, int]
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.network: Any = backbone(
            "vit_small_patch16_224", weights=weights, num_classes=0, **shape
        )
        self.propose = nn.Conv2d(shape["embed_dim"], 2, 1)
        self.side = shape["img_size"] // shape["patch_size"]

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"],
        hidden: Float[Tensor, "batch 1 g g"] | None = None,
    ) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, "batch 1 g g"]]:
        """Logits and the map. Features are multiplied by 1 - ``hidden``."""
        tokens = embedded(self.network, self.normalise(images))
        *early, last = self.network.blocks
        for block in early:
            tokens = block(tokens)
        attention = class_attention(last, tokens)  # (B, P)
        features = self.network.norm(last(tokens))[:, 1:].mT.reshape(
            len(images), -1, self.side, self.side
        )
        if hidden is not None:
            features = features * (1 - hidden)
        places = self.propose(features)  # (B, 2, g, g)
        logits = (places.flatten(2) * attention[:, None]).sum(-1)
        fake = (places[:, FAKE] - places[:, REAL]).sigmoid()
        return logits, fake[:, None]


class Sobel(nn.Module):
    """Strength of the edges of each colour: sqrt(gx² + gy²) of Sobel's filters, over 4."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
        both = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
        self.register_buffer("filters", both.repeat(3, 1, 1, 1), persistent=False)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Images 0-1; the border repeats its last pixels."""
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        gradients = functional.conv2d(padded, self.filters, groups=3)
        squares = gradients.square()  # channels red across, red down, green across, ...
        return (squares[:, ::2] + squares[:, 1::2]).clamp(min=1e-12).sqrt()


class StreamLoss(nn.Module):
    """Cross-entropy of each stream by itself."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Sum of both."""
        streams = (outputs.extra[RGB], outputs.extra[EDGES])
        first, second = (functional.cross_entropy(one, targets.label) for one in streams)
        return first + second


class MapSparsity(nn.Module):
    """Maps of reals are to be empty."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean of the reals' maps; 0 of a batch without any."""
        return masked_mean(outputs.extra[MAP].mean((1, 2, 3)), targets.label == REAL)
