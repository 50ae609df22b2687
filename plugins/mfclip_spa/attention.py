"""Sample pair attention (III-E) and, as its baseline, the plain similarities of InfoNCE."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from mfclip_spa.pairs import PositionPairs, PromptPairs
from mfclip_spa.similarity import Similarity, Temperature, at_least_float32, cosine, no_autocast


class InfoNCE(nn.Module):
    """CLIP's similarities: cosine / τ, every pair alike. No gate, no A."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = Temperature(temperature)

    def forward(self, visual: Tensor, text: Tensor, prompt: Tensor | None = None) -> Similarity:
        """Logits both ways. Visual (B, d), text (B, d) -> (B, B) each; ``prompt`` is not read."""
        with no_autocast(visual.device):
            logits = cosine(visual, text) * self.temperature()
        return Similarity(v2l=logits, l2v=logits.T)


class SamplePairAttention(nn.Module):
    """Cosine similarities in which a learnable matrix A raises and lowers pairs (Eq. 7-10).

    Two places for the gate σ(A), because the paper's equations name two:

    * ``gate="logits"`` (Eq. 7-8): softmax(S/τ ⊙ σ(A)). Every element of A receives gradient: the
      gate of a pair acts as its own inverse temperature.
    * ``gate="softmax"`` (Eq. 9-10): softmax(S/τ) ⊙ σ(A). Under the loss of Eq. 11-12 this comes
      to InfoNCE plus −log σ(A) on the diagonal: off-diagonal A receives no gradient, the diagonal
      is driven to 1, and neither changes what the encoders learn.

    In both directions, row i and column j take A[i, j], as the equations are written: i is the
    image in v2l and the text in l2v, so A is not transposed with the similarities.

    Computes in float32 at least, under autocast too.

    Args:
        max_batch: A is indexed by the place in the batch, for up to so many pairs (the paper).
        classes: A is indexed by prompt class instead, for so many classes and any batch size.
        gate: Where σ(A) acts.
        temperature: τ at the start, 0.01 or more. Learnable.
        initial_gate: σ(A) at the start, for every pair; see :mod:`mfclip_spa.pairs`.

    Raises:
        ValueError: not exactly one of ``max_batch`` and ``classes`` is given, or a value is out
            of range.
    """

    def __init__(
        self,
        max_batch: int | None = None,
        *,
        classes: int | None = None,
        gate: Literal["logits", "softmax"] = "logits",
        temperature: float = 0.07,
        initial_gate: float = 0.5,
    ) -> None:
        super().__init__()
        if gate not in ("logits", "softmax"):
            raise ValueError(f"gate must be 'logits' or 'softmax', received {gate!r}")
        self.gate = gate
        self.temperature = Temperature(temperature)
        self.pairs = _pairs(max_batch, classes, initial_gate)

    def forward(self, visual: Tensor, text: Tensor, prompt: Tensor | None = None) -> Similarity:
        """Compare every image with every text.

        Args:
            visual: X_v, (B, d). Need not be normalised.
            text: T_l, (B, d), row i the text of image i.
            prompt: Prompt class of each pair, (B,), integers; only for ``classes``.

        Returns:
            (B, B) both ways. Logits where the gate is on the logits; log-weights, with
            ``normalised`` set, where it is on the softmax.

        Raises:
            ValueError: shapes that do not fit, or a batch larger than ``max_batch``.
        """
        with no_autocast(visual.device):
            logits = cosine(visual, text) * self.temperature()
            weights = at_least_float32(self.pairs(len(visual), prompt))
            if self.gate == "logits":
                opening = weights.sigmoid()
                return Similarity(v2l=logits * opening, l2v=logits.T * opening)
            opening = F.logsigmoid(weights)
            return Similarity(
                v2l=logits.log_softmax(-1) + opening,
                l2v=logits.T.log_softmax(-1) + opening,
                normalised=True,
            )

    def extra_repr(self) -> str:
        """The gate, for ``print(module)``."""
        return f"gate={self.gate!r}"


def _pairs(max_batch: int | None, classes: int | None, start: float) -> nn.Module:
    if max_batch is not None and classes is None:
        return PositionPairs(max_batch, start)
    if classes is not None and max_batch is None:
        return PromptPairs(classes, start)
    raise ValueError(
        "give either max_batch (A by place in the batch) or classes (A by prompt class); "
        f"received max_batch={max_batch}, classes={classes}"
    )
