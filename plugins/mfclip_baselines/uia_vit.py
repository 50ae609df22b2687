"""UIA-ViT (Zhuang et al., ECCV 2022): patches of a face that do not go together, from labels alone.

Shape letters: B images, P = g * g patches, D the transformer's width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.outputs import FAKE, REAL, Outputs, Targets
from mfclip.detector.protocols import TrainingBatch
from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import HALVES, Normalise, backbone
from mfclip_baselines.output_names import UIA_CONSISTENCY as CONSISTENCY
from mfclip_baselines.output_names import UIA_MAP as MAP
from mfclip_baselines.output_names import UIA_PATCHES as PATCHES
from mfclip_baselines.reductions import masked_mean
from mfclip_baselines.transformer import embedded, through

UNKNOWN = -1.0
"""In place of a pseudo-label, as long as there are no Gaussians."""


class UiaVit(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2) and where it looks (B, 1, g, g), 0-1."""

    progress: Tensor

    def __init__(
        self,
        weights: Path | WeightName | None = None,
        *,
        image_size: int = 224,
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        middle: int = 6,
        read: Sequence[int] = (8, 9, 10, 11, 12),
        samples: int = 16384,
        steepness: float = 12.0,
        turn: float = 0.7,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*HALVES)
        self.network: Any = backbone(
            "vit_base_patch16_224",
            weights=weights,
            num_classes=0,
            img_size=image_size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
        )
        self.head = nn.Linear(2 * width, 2)
        self.gaussians = Gaussians(width)
        self.middle, self.read, self.side = middle, frozenset(read), image_size // patch
        self.samples, self.steepness, self.turn = samples, steepness, turn
        self.register_buffer("progress", torch.ones(()))

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"],
        progress: float | Tensor | None = None,
    ) -> Outputs:
        """Class token beside the patches, weighted by how the class token scores them.

        How far the weights are the uniform ones follows ``progress``, 0-1; scoring keeps to the
        last one that training saw.
        """
        if self.training and progress is not None:
            self.progress.fill_(progress)
        features, tokens, scores = self._read(images)
        where = scores[:, 0, 1:].sigmoid()  # (B, P)
        uniform = torch.sigmoid(self.steepness * (self.turn - self.progress))
        weights = (uniform + (1 - uniform) * where) / where.shape[1]
        looked_at = (weights[:, None] @ tokens[:, 1:])[:, 0]  # (B, D)
        logits = self.head(torch.cat([tokens[:, 0], looked_at], -1))
        extra = {MAP: where.view(-1, 1, self.side, self.side)}
        if self.training:
            extra |= {CONSISTENCY: scores[:, 1:, 1:], PATCHES: self.gaussians(features)}
        return Outputs(logits, extra=extra)

    def _read(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Patches of the middle block (B, P, D), the last tokens, mean scores of the read blocks.

        Of the scores only the class token's row is computed outside training.
        """
        tokens = embedded(self.network, self.normalise(images))
        rows = None if self.training else 1
        after, scores = through(self.network, tokens, self.read, rows=rows)
        return plain(after[self.middle - 1][:, 1:]), self.network.norm(after[-1]), scores

    def before_epoch(self, epoch: int, batches: Iterable[TrainingBatch]) -> None:
        """Fit the Gaussians anew, from the second epoch on: before it, features mean nothing yet.

        Reals give all of their patches, fakes those in the middle, where a face was changed.
        """
        if epoch == 0:
            return
        training = self.training
        self.eval()
        inner = torch.zeros(self.side, self.side, dtype=torch.bool)
        first, last = round(self.side * 3 / 14), round(self.side * 11 / 14)
        inner[first:last, first:last] = True
        kept: dict[int, list[Tensor]] = {REAL: [], FAKE: []}
        for batch in batches:
            features, _, _ = self._read(batch.images)
            label = batch.reads["label"]
            kept[REAL].append(features[label == REAL].flatten(0, 1))
            kept[FAKE].append(features[label == FAKE][:, inner.flatten()].flatten(0, 1))
            if min(sum(map(len, found)) for found in kept.values()) >= self.samples:
                break
        self.gaussians.fit(*(torch.cat(found)[: self.samples] for found in kept.values()))
        self.train(training)


def plain(tokens: Float[Tensor, "batch patches width"]) -> Float[Tensor, "batch patches width"]:
    """Detached, each with mean 0 and variance 1; a learnt norm here would have no gradient."""
    return functional.layer_norm(tokens.detach().float(), tokens.shape[-1:])


class Gaussians(nn.Module):
    """Normal distributions of the patches of reals and of fakes."""

    mean: Tensor
    precision: Tensor
    fitted: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2, width))
        self.register_buffer("precision", torch.eye(width).repeat(2, 1, 1))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def fit(self, real: Float[Tensor, "reals width"], fake: Float[Tensor, "fakes width"]) -> None:
        """Mean and inverse covariance of each, shrunk as Ledoit and Wolf do.

        Left as it is where there is less than two of one.
        """
        from sklearn.covariance import ledoit_wolf

        if min(len(real), len(fake)) < 2:
            return
        for place, samples in enumerate((real, fake)):
            points = samples.double().cpu().numpy()
            covariance = torch.from_numpy(ledoit_wolf(points)[0])
            self.mean[place] = samples.double().mean(0)
            self.precision[place] = torch.linalg.inv(covariance)
        self.fitted.fill_(True)

    def distances(
        self, features: Float[Tensor, "batch patches width"]
    ) -> Float[Tensor, "2 batch patches"]:
        """Mahalanobis distance to the reals' and to the fakes' Gaussian."""
        with torch.autocast(features.device.type, enabled=False):
            apart = features.float() - self.mean[:, None, None]  # (2, B, P, D)
            squares = ((apart @ self.precision[:, None]) * apart).sum(-1)
        return squares.clamp(min=0).sqrt()

    @torch.no_grad()
    def forward(
        self, features: Float[Tensor, "batch patches width"]
    ) -> Float[Tensor, "batch patches"]:
        """1 where a patch is nearer to the fakes', 0 elsewhere; -1 as long as nothing is known."""
        real, fake = self.distances(features)
        return torch.where(self.fitted, (real > fake).float(), UNKNOWN)


class PatchConsistency(nn.Module):
    """Pairs of patches score as their kind of pair does: both genuine, both forged, or mixed.

    The three levels are learnt. They are kept apart by penalties, on a high level of mixed pairs
    and on low ones of the others.
    """

    def __init__(self, consistency: float, spread: Sequence[float]) -> None:
        super().__init__()
        self.consistency, self.spread = consistency, tuple(spread)
        self.mixed = nn.Parameter(torch.tensor(0.2))
        self.forged = nn.Parameter(torch.tensor(0.6))
        self.genuine = nn.Parameter(torch.tensor(0.6))

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Nothing as long as there are no pseudo-labels. A patch is not compared with itself."""
        patches = outputs.extra[PATCHES]
        fake = targets.label == FAKE
        known = patches >= 0
        distance, pairs = self._distances(outputs.extra[CONSISTENCY], patches, fake)
        pairs &= known[:, :, None] & known[:, None]
        kinds = (fake, ~fake)
        apart = sum(
            (masked_mean(distance, pairs & kind[:, None, None]) for kind in kinds),
            start=distance.new_zeros(()),
        )
        return self.consistency * apart + self._penalty() * known.any()

    def _distances(
        self, scores: Float[Tensor, "batch p p"], patches: Float[Tensor, "batch p"], fake: Tensor
    ) -> tuple[Float[Tensor, "batch p p"], Bool[Tensor, "batch p p"]]:
        """|score - level| of every pair, and which pairs count; patches of reals are genuine."""
        forged = (patches > 0.5) & fake[:, None]
        one, other = forged[:, :, None], forged[:, None]
        level = torch.where(
            one & other, self.forged, torch.where(one | other, self.mixed, self.genuine)
        )
        apart = ~torch.eye(patches.shape[1], dtype=torch.bool, device=patches.device)
        return (scores.sigmoid() - level).abs(), apart.expand_as(level).clone()

    def _penalty(self) -> Float[Tensor, ""]:
        mixed, forged, genuine = self.spread
        least = math.ulp(1.0)  # the levels start far above it
        return (
            mixed * self.mixed.abs()
            + forged / self.forged.abs().clamp(min=least)
            + genuine / self.genuine.abs().clamp(min=least)
        )
