"""RECCE (Cao et al., CVPR 2022): learn to reconstruct real faces, and judge by what that misses.

Shape letters: B images, D = 728 channels of Xception's middle blocks, h and w their sides (1/16 of
the image's), r the side of a square of nodes, N = h * w.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from timm.models.xception import Block, SeparableConv2d
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.outputs import REAL, Outputs, Targets
from mfclip.ranks.shares import gather
from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise
from mfclip_baselines.output_names import RECCE_COSINES as COSINES
from mfclip_baselines.output_names import RECCE_RESIDUAL as RESIDUAL
from mfclip_baselines.reductions import masked_mean
from mfclip_baselines.slim import MIDDLE, channels, xception


class Recce(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and the residual |x - x̂| (B, 1, H, W), 0-2."""

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        share: float = 1.0,
        drop_rate: float = 0.2,
        noise: float = 1e-6,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*HALVES)
        self.noise = noise
        self.encoder = xception(weights, share=share, drop_rate=drop_rate)
        self.dropout = nn.Dropout(drop_rate)
        middle, *widths = (channels(width, share) for width in (MIDDLE, 256, 128, 64))
        self.decoder = Decoder(middle, widths)
        self.reasoning = GraphReasoning(middle, widths[:2], width=widths[0], drop_rate=drop_rate)
        self.attention = GuidedAttention(middle, drop_rate)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """Encode, reconstruct, relate both, and attend to what the reconstruction misses."""
        x, encoder = self.normalise(images), self.encoder
        early = self._early(self._noisy(x))  # (B, D, h, w)
        fine, finer, rebuilt = self.decoder(self.dropout(early))  # 2h, 4h, 8h a side
        rebuilt = functional.interpolate(
            rebuilt, x.shape[-2:], mode="bilinear", align_corners=True
        )  # (B, 3, H, W)
        residual = (x - rebuilt).abs()
        late = encoder.block7(encoder.block6(encoder.block5(early)))
        late = encoder.block8(late + self.reasoning(late, fine, finer))
        late = self.attention(late, residual)
        logits = encoder.forward_head(self._late(late))
        extra = {RESIDUAL: residual.mean(1, keepdim=True)}
        if self.training:
            extra[COSINES] = torch.stack([cosines(one) for one in (early, fine, finer)], -1)
        return Outputs(logits, extra=extra)

    def _noisy(self, x: Tensor) -> Tensor:
        """In training, white noise on half of the images: reconstruction is also denoising."""
        if not self.training or self.noise == 0:
            return x
        chosen = (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5).to(x.dtype)
        return (x + self.noise * chosen * torch.randn_like(x)).clamp(-1, 1)

    def _early(self, x: Tensor) -> Float[Tensor, "batch channels h w"]:
        encoder = self.encoder
        x = encoder.act1(encoder.bn1(encoder.conv1(x)))
        x = encoder.act2(encoder.bn2(encoder.conv2(x)))
        features: Tensor = encoder.block4(encoder.block3(encoder.block2(encoder.block1(x))))
        return features

    def _late(self, x: Tensor) -> Tensor:
        encoder = self.encoder
        x = encoder.block12(encoder.block11(encoder.block10(encoder.block9(x))))
        x = encoder.act3(encoder.bn3(encoder.conv3(x)))
        last: Tensor = encoder.act4(encoder.bn4(encoder.conv4(x)))
        return last


class Decoder(nn.Module):
    """Features (B, D, h, w) -> an image (B, 3, 8h, 8w), -1 to 1, and the two maps on the way."""

    def __init__(self, before: int, widths: Sequence[int]) -> None:
        super().__init__()
        first, second, third = widths
        self.fine = nn.Sequential(*doubled(before, first), Block(first, first, 3))
        self.finer = nn.Sequential(*doubled(first, second), Block(second, second, 3))
        self.image = nn.Sequential(
            *doubled(second, third), nn.Conv2d(third, 3, 1, bias=False), nn.Tanh()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 256, 2h, 2w), (B, 128, 4h, 4w) and the image."""
        fine = self.fine(x)
        finer = self.finer(fine)
        return fine, finer, self.image(finer)


def doubled(before: int, after: int) -> tuple[nn.Module, ...]:
    """Layers that double the sides."""
    return (
        nn.UpsamplingNearest2d(scale_factor=2),
        SeparableConv2d(before, after, 3, 1, 1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class GraphReasoning(nn.Module):
    """Bipartite graphs: each place of the encoder with the r x r places of a map of the decoder."""

    def __init__(self, before: int, finer: Sequence[int], *, width: int, drop_rate: float) -> None:
        super().__init__()
        self.query = nn.Sequential(
            nn.Conv2d(before, width, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
        )
        self.scales = nn.ModuleList(
            Bipartite(before, nodes, width, side) for nodes, side in zip(finer, (2, 4), strict=True)
        )
        self.project = nn.Sequential(
            nn.Conv2d(width * (1 + len(finer)), before, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(before, before, 1, bias=False),
            nn.Dropout(drop_rate),
        )

    def forward(
        self, places: Float[Tensor, "batch channels h w"], *maps: Tensor
    ) -> Float[Tensor, "batch channels h w"]:
        """What is to be added to the encoder's map."""
        query = self.query(places)  # (B, width, h, w)
        found = [
            scale(places, query, finer) for scale, finer in zip(self.scales, maps, strict=True)
        ]
        added: Tensor = self.project(torch.cat([*found, query], 1).sigmoid())
        return added


class Bipartite(nn.Module):
    """One place against r * r nodes: their mean, weighted by learnt edges, behind a gate."""

    def __init__(self, before: int, nodes: int, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.embed = nn.Sequential(
            nn.Linear(nodes, width, bias=False), nn.ReLU(), nn.Linear(width, width, bias=False)
        )
        self.edge = nn.Linear(2 * width, 1, bias=False)
        self.gate = nn.Conv2d(before, width, 1, bias=False)

    def forward(
        self, places: Tensor, query: Tensor, finer: Tensor
    ) -> Float[Tensor, "batch width h w"]:
        """Message of the nodes to each place."""
        batch, wide = finer.shape[:2]
        nodes = functional.unfold(finer, self.side, stride=self.side)  # (B, C r r, N)
        nodes = nodes.view(batch, wide, self.side**2, -1).permute(0, 3, 2, 1)  # (B, N, r r, C)
        nodes = self.embed(nodes)  # (B, N, r r, width)
        each = query.flatten(2).transpose(1, 2).unsqueeze(2).expand_as(nodes)
        edges = self.edge(torch.cat([each, nodes], -1)).relu().softmax(2)  # (B, N, r r, 1)
        message: Tensor = (edges * nodes).sum(2).transpose(1, 2).reshape(query.shape)
        gate: Tensor = self.gate(places).sigmoid()
        return message * (1 - gate)


class GuidedAttention(nn.Module):
    """Attend to where the reconstruction differs from the image."""

    def __init__(self, width: int, drop_rate: float) -> None:
        super().__init__()
        self.where = nn.Sequential(
            nn.Conv2d(3, 3, 3, 1, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(3, 1, 1, bias=False),
            nn.Sigmoid(),
        )
        self.what = nn.Sequential(
            nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.dropout = nn.Dropout(drop_rate)

    def forward(
        self,
        x: Float[Tensor, "batch channels h w"],
        residual: Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, "batch channels h w"]:
        """The map itself, and what stands out of it where the residual says so."""
        small = functional.interpolate(residual, x.shape[-2:], mode="bilinear", align_corners=True)
        attended: Tensor = self.where(small) * self.what(x) + self.dropout(x)
        return attended


def cosines(features: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch batch"]:
    """Cosine similarity of every pair of a batch, of features averaged over their places.

    Of the whole batch, where several processes share it.
    """
    pooled = gather(functional.normalize(features.float().mean((2, 3)), dim=1))
    return pooled @ pooled.mT


class FloodedCrossEntropy(nn.Module):
    """|l - b| + b of the cross-entropy l: below the flood level b the loss climbs again."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the batch, then flooded."""
        loss = functional.cross_entropy(outputs.logits, targets.label)
        return (loss - self.level).abs() + self.level


class Reconstruction(nn.Module):
    """L1 distance of reals from their reconstruction; fakes are not to be reconstructed."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the pixels of the reals; 0 of a batch without any."""
        residual = outputs.extra[RESIDUAL].mean((1, 2, 3))  # (B,)
        return masked_mean(residual, targets.label == REAL)


class Metric(nn.Module):
    """Reals close to each other, fakes away from them; fakes need not be alike."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Sum over the three maps; a batch without a kind of pair says nothing of that kind."""
        alike = (1 + outputs.extra[COSINES]) / 2  # (B, B, 3)
        real = targets.label == REAL
        both = real[:, None] & real & ~torch.eye(len(real), dtype=torch.bool, device=real.device)
        apart = real[:, None] != real
        maps = alike.unbind(-1)
        return sum(
            (masked_mean(1 - one, both) + masked_mean(one, apart) for one in maps),
            start=alike.new_zeros(()),
        )
