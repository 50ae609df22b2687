"""Alignment and uniformity of image embeddings on the unit sphere (Wang & Isola 2020)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError


class UniformityAlignmentLoss(nn.Module):
    """a · mean ‖x − y‖^α over pairs of one label + u · log mean exp(−t ‖x − y‖²) over all pairs.

    x and y are two samples' X_v, L2-normalised; a pair is counted once, and none of a sample with
    itself. A term without a pair is 0.

    Parameters
    ----------
    alignment, uniformity
        Factors a and u, 0 or more.
    alpha
        α, 1 or more: below it, equal embeddings have no finite gradient.
    t
        t, above 0.
    """

    def __init__(
        self,
        alignment: float = 1.0,
        uniformity: float = 1.0,
        alpha: float = 2.0,
        t: float = 2.0,
    ) -> None:
        super().__init__()
        self.alignment, self.uniformity = alignment, uniformity
        self.alpha, self.t = alpha, t

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Between -4 ``t`` ``uniformity`` and 2 ** ``alpha`` ``alignment``.

        Raises:
            PluginError: the detector gave no image embedding.
        """
        if outputs.visual is None:
            raise PluginError(
                "uniformity-alignment reads the image embedding 'visual', and the detector gave "
                "none; an assembled detector does, and a whole one may name it in `gives`"
            )
        visual = outputs.visual.to(torch.promote_types(outputs.visual.dtype, torch.float32))
        if len(visual) < 2:
            return visual.sum() * 0  # there is no pair, and the gradient is zeros
        distances = F.pdist(F.normalize(visual, dim=1))
        alike = self._alignment(distances, _alike(targets.label))
        return self.alignment * alike + self.uniformity * self._uniformity(distances)

    def _alignment(
        self, distances: Float[Tensor, " pairs"], alike: Bool[Tensor, " pairs"]
    ) -> Float[Tensor, ""]:
        return (distances**self.alpha * alike).sum() / alike.sum().clamp(min=1)

    def _uniformity(self, distances: Float[Tensor, " pairs"]) -> Float[Tensor, ""]:
        return torch.logsumexp(-self.t * distances**2, 0) - math.log(len(distances))


def _alike(label: Int[Tensor, " batch"]) -> Bool[Tensor, " pairs"]:
    """Whether both samples of a pair have one label; pairs as ``pdist`` has them, row by row."""
    one, other = torch.triu_indices(len(label), len(label), 1, device=label.device)
    return label[one] == label[other]
