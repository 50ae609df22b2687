"""The gate σ(A) on the similarities of pairs, wherever those come from."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from mfclip_spa.pairs import FeaturePairs, Pairs, PositionPairs, PromptPairs, Side
from mfclip_spa.similarity import Similarity, at_least_float32

Place = Literal["logits", "softmax"]


class PairGate(nn.Module):
    """σ(A) for every pair of a batch, acting on similarities that are already there.

    Two places for the gate, because the paper's equations name two:

    * ``gate="logits"`` (Eq. 7-8): softmax(S/τ ⊙ σ(A)). Every element of A receives gradient: the
      gate of a pair acts as its own inverse temperature.
    * ``gate="softmax"`` (Eq. 9-10): softmax(S/τ) ⊙ σ(A). Under the loss of Eq. 11-12 this comes
      to InfoNCE plus −log σ(A) on the diagonal: off-diagonal A receives no gradient, the diagonal
      is driven to 1, and neither changes what the encoders learn (but for ``features``, whose A
      is made of the embeddings).

    Args:
        max_batch: A is indexed by the place in the batch, for up to so many pairs (the paper).
        classes: A is indexed by prompt class, for so many classes and any batch size.
        features: A is made of the embeddings, so many numbers wide; any batch size.
        rank: r, the rank of an A made of embeddings.
        gate: Where σ(A) acts.
        per_direction: An A for image to text and another for text to image, not one for both.
        initial_gate: σ(A) at the start, for every pair; see :mod:`mfclip_spa.pairs`.

    Raises:
        ValueError: not exactly one of ``max_batch``, ``classes`` and ``features`` is given, or a
            value is out of range.
    """

    def __init__(
        self,
        max_batch: int | None = None,
        *,
        classes: int | None = None,
        features: int | None = None,
        rank: int = 8,
        gate: Place = "logits",
        per_direction: bool = False,
        initial_gate: float = 0.5,
    ) -> None:
        super().__init__()
        if gate not in ("logits", "softmax"):
            raise ValueError(f"gate must be 'logits' or 'softmax', received {gate!r}")
        self.gate = gate
        self.settings: dict[str, Any] = {
            "max_batch": max_batch,
            "classes": classes,
            "features": features,
            "rank": rank,
            "gate": gate,
            "per_direction": per_direction,
            "initial_gate": initial_gate,
        }
        """What it was made with; :func:`mfclip_spa.save_gate` writes it beside the weights."""
        index = (max_batch, classes, features)
        self.pairs = _pairs(*index, rank, initial_gate)
        self.pairs_l2v = _pairs(*index, rank, initial_gate) if per_direction else None

    def of(self, row: Side) -> Pairs:
        """The A that weighs these rows: that of their direction."""
        if row.role == "text" and self.pairs_l2v is not None:
            return self.pairs_l2v
        return self.pairs

    def weights(self, row: Side, column: Side) -> Tensor:
        """A for every row against every column, (R, C), in float32 at least.

        Raises:
            ValueError: the sides do not fit this form of A.
        """
        pairs = self.of(row)
        return at_least_float32(pairs.block(pairs.rows(row, column), column))

    def apply_to(self, logits: Tensor, row: Side, column: Side) -> Tensor:
        """One direction's logits (R, C), gated: logits again, or log-weights of the softmax."""
        return gated(logits, self.weights(row, column), self.gate)

    def both_ways(self, v2l: Tensor, l2v: Tensor, image: Side, text: Side) -> Similarity:
        """Both directions' logits, gated."""
        return Similarity(
            v2l=self.apply_to(v2l, image, text),
            l2v=self.apply_to(l2v, text, image),
            normalised=self.gate == "softmax",
        )

    def extra_repr(self) -> str:
        """The form, for ``print(module)``."""
        form = "one A each way" if self.pairs_l2v is not None else "one A"
        return f"gate={self.gate!r}, {form}"


def gated(logits: Tensor, weights: Tensor, gate: Place) -> Tensor:
    """S ⊙ σ(A) (Eq. 7-8), or log(softmax(S) ⊙ σ(A)) (Eq. 9-10)."""
    if gate == "logits":
        return logits * weights.sigmoid()
    return logits.log_softmax(-1) + F.logsigmoid(weights)


def _pairs(
    max_batch: int | None, classes: int | None, features: int | None, rank: int, start: float
) -> Pairs:
    given = [max_batch is not None, classes is not None, features is not None]
    if sum(given) == 1:
        if max_batch is not None:
            return PositionPairs(max_batch, start)
        if classes is not None:
            return PromptPairs(classes, start)
        if features is not None:
            return FeaturePairs(features, rank, start)
    raise ValueError(
        "give one of max_batch (A by place in the batch), classes (A by prompt class) and "
        f"features (A from embeddings so wide); received max_batch={max_batch}, "
        f"classes={classes}, features={features}"
    )
