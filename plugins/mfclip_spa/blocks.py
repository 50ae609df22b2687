"""One direction of a contrastive loss, some rows of the similarity matrix at a time.

Only the blocks' inputs are kept for the backward pass, which computes each block again. So no
(B, B) intermediate is ever whole in memory, and the loss and its gradients are the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from mfclip_spa.gate import PairGate, gated
from mfclip_spa.pairs import Side
from mfclip_spa.similarity import at_least_float32

Kind = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Direction:
    """Rows against columns, and what turns their dot products into a loss."""

    row: Side
    column: Side
    scale: Tensor
    """1/τ, a scalar."""
    gate: PairGate | None = None
    """None: plain InfoNCE or plain pairwise sigmoids."""
    kind: Kind = "softmax"
    bias: Tensor | None = None
    """Added to the gated similarities; only SigLIP has one."""

    def loss(self, chunk: int | None = None) -> Tensor:
        """Mean over the rows, a scalar; ``chunk`` rows at a time.

        Raises:
            ValueError: ``chunk`` is below 1, or the sides do not fit the gate.
        """
        rows = len(self.row.features)
        if chunk is None or chunk >= rows:
            (block,) = self._blocks(max(rows, 1))
            return self._block_loss(*block) / rows
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1 row, received {chunk}")
        sums = [
            checkpoint(self._block_loss, *block, use_reentrant=False, preserve_rng_state=False)
            for block in self._blocks(chunk)
        ]
        return torch.stack(sums).sum() / rows

    def _blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor | None, int]]:
        """(features, what the gate needs of them, column of the first one's answer)."""
        features = torch.split(self.row.features, size)
        weighed = self._weighed_rows(size, len(features))
        first = self.row.start - self.column.start
        for part, rows in zip(features, weighed, strict=True):
            yield part, rows, first
            first += len(part)

    def _weighed_rows(self, size: int, blocks: int) -> tuple[Tensor | None, ...]:
        if self.gate is None:
            return (None,) * blocks
        return torch.split(self.gate.of(self.row).rows(self.row, self.column), size)

    def _block_loss(self, features: Tensor, rows: Tensor | None, first: int) -> Tensor:
        """Sum over the block's rows."""
        logits = features @ self.column.features.T * self.scale
        weights = None
        if self.gate is not None and rows is not None:
            weights = at_least_float32(self.gate.of(self.row).block(rows, self.column))
        answers = torch.arange(first, first + len(features), device=logits.device)
        gate = self.gate.gate if self.gate is not None else "logits"
        if self.kind == "softmax":
            return softmax_loss(logits, weights, answers, gate)
        return sigmoid_loss(logits, weights, answers, gate, self.bias)


def softmax_loss(
    logits: Tensor, weights: Tensor | None, answers: Tensor, gate: Literal["logits", "softmax"]
) -> Tensor:
    """−Σ log of the answer's gated softmax (Eq. 11 with 7 or 9), summed over the rows (R, C)."""
    if weights is None:
        return F.cross_entropy(logits, answers, reduction="sum")
    if gate == "logits":
        return F.cross_entropy(gated(logits, weights, gate), answers, reduction="sum")
    opening = F.logsigmoid(weights.gather(1, answers[:, None]))
    return F.cross_entropy(logits, answers, reduction="sum") - opening.sum()


def sigmoid_loss(
    logits: Tensor,
    weights: Tensor | None,
    answers: Tensor,
    gate: Literal["logits", "softmax"],
    bias: Tensor | None = None,
) -> Tensor:
    """SigLIP's loss with a gate, summed over the rows: every pair is its own yes-or-no question.

    The paper has no such loss; these are its two gates carried over.

    * ``"logits"``: p = σ(σ(A) ⊙ S/τ + b). The bias b says how rare true pairs are. It stands
      outside of the gate: a gate on S/τ + b would make every closed pair *more* likely.
    * ``"softmax"``: p = σ(S/τ + b) ⊙ σ(A), a gate on the probability. Unlike its model under a
      softmax it teaches the whole of A, since every 1 − p of a wrong pair is in the loss.
    """
    outside = 0.0 if bias is None else at_least_float32(bias)
    right = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, answers[:, None], True)
    if weights is None or gate == "logits":
        z = (logits if weights is None else gated(logits, weights, gate)) + outside
        return -F.logsigmoid(torch.where(right, z, -z)).sum()
    z = logits + outside
    both_open = F.logsigmoid(z) + F.logsigmoid(weights)
    # 1 − σ(z)σ(a) = (e^−z + e^−a + e^−(z+a)) · σ(z)σ(a), which never cancels.
    closed = torch.logaddexp(torch.logaddexp(-z, -weights), -z - weights) + both_open
    return -torch.where(right, both_open, closed).sum()


def refuse_two_directions(gate: PairGate) -> None:
    """Stop a gate with an A each way from getting to a sigmoid loss.

    Raises:
        ValueError: the gate was made with ``per_direction``.
    """
    if gate.pairs_l2v is not None:
        raise ValueError(
            "a sigmoid loss looks at every pair once, so it has no two directions; "
            "make the gate without per_direction"
        )
