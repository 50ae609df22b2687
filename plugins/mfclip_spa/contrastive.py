"""The cross-modal contrastive loss (III-F, Eq. 11-12)."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HasMatrices(Protocol):
    """What the loss reads; :class:`mfclip_spa.Similarity` is one."""

    @property
    def v2l(self) -> Tensor:
        """(B, B), row i: image i against every text."""

    @property
    def l2v(self) -> Tensor:
        """(B, B), row i: text i against every image."""

    @property
    def normalised(self) -> bool:
        """True where rows are log-weights and not logits."""


def contrastive_loss(similarity: HasMatrices) -> Tensor:
    """L_cmc = (L_v2l + L_l2v) / 2: cross-entropy with pair i as the answer of row i (Eq. 11-12).

    Returns:
        A scalar, the mean over both directions and all pairs.

    Raises:
        ValueError: the matrices are not square.
    """
    for matrix in (similarity.v2l, similarity.l2v):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"similarities must be square, received {tuple(matrix.shape)}")
    both = [_one_way(m, similarity.normalised) for m in (similarity.v2l, similarity.l2v)]
    return (both[0] + both[1]) / 2


def _one_way(matrix: Tensor, normalised: bool) -> Tensor:
    if normalised:
        return -matrix.diagonal().mean()
    return F.cross_entropy(matrix, torch.arange(len(matrix), device=matrix.device))


class HasSimilarity(Protocol):
    """What :class:`CrossModalLoss` reads of a detector's outputs."""

    @property
    def similarity(self) -> HasMatrices | None:
        """The alignment's result."""


class CrossModalLoss(nn.Module):
    """:func:`contrastive_loss` on a detector's outputs."""

    def forward(self, outputs: HasSimilarity, targets: object = None) -> Tensor:
        """L_cmc, a scalar. The targets are not read: pair i belongs to row i.

        Raises:
            ValueError: the outputs hold no similarity.
        """
        if outputs.similarity is None:
            raise ValueError("the outputs hold no similarity; the detector needs an alignment")
        return contrastive_loss(outputs.similarity)
