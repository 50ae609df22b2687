"""Sample pair attention (III-E) and, as its baseline, the plain similarities of InfoNCE."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mfclip_spa.gate import PairGate, Place
from mfclip_spa.similarity import (
    Similarity,
    Temperature,
    at_least_float32,
    no_autocast,
    unit_pairs,
)


class InfoNCE(nn.Module):
    """CLIP's similarities: cosine / τ, every pair alike. No gate, no A."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = Temperature(temperature)

    def forward(self, visual: Tensor, text: Tensor, prompt: Tensor | None = None) -> Similarity:
        """Logits both ways. Visual (B, d), text (B, d) -> (B, B) each; ``prompt`` is not read."""
        with no_autocast(visual.device):
            visual, text = unit_pairs(visual, text)
            logits = visual @ text.T * self.temperature()
        return Similarity(v2l=logits, l2v=logits.T)


class SamplePairAttention(PairGate):
    """Cosine similarities in which a learnable matrix A raises and lowers pairs (Eq. 7-10).

    The forms of A and the two places of the gate are those of :class:`PairGate`, whose arguments
    it takes. Computes in float32 at least, under autocast too.

    Args:
        temperature: τ at the start, 0.01 or more. Learnable.

    Raises:
        ValueError: as :class:`PairGate`, or the temperature is out of range.
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
        temperature: float = 0.07,
        initial_gate: float = 0.5,
    ) -> None:
        super().__init__(
            max_batch,
            classes=classes,
            features=features,
            rank=rank,
            gate=gate,
            per_direction=per_direction,
            initial_gate=initial_gate,
        )
        self.settings["temperature"] = temperature
        self.temperature = Temperature(temperature)

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
            v, t = unit_pairs(visual, text)  # (B, d) each, of unit length
            s = v @ t.T * self.temperature()  # (B, B): S / τ, image i against text j
            a, a_l2v = self.matrices(v, t, prompt)  # (B, B) each: A, before the sigmoid
            if self.gate == "logits":  # softmax(S / τ ⊙ σ(A)), Eq. 7-8
                return Similarity(v2l=s * a.sigmoid(), l2v=s.T * a_l2v.sigmoid())
            return Similarity(  # softmax(S / τ) ⊙ σ(A), Eq. 9-10, as logarithms
                v2l=s.log_softmax(-1) + F.logsigmoid(a),
                l2v=s.T.log_softmax(-1) + F.logsigmoid(a_l2v),
                normalised=True,
            )

    def matrices(
        self, visual: Tensor, text: Tensor, prompt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """A of image i against text j, and of text i against image j; (B, B) each.

        Both directions take one A (Eq. 7-10), unless each has its own.
        """
        v2l, l2v = self.pairs(visual, text, prompt)
        if self.pairs_l2v is not None:
            _, l2v = self.pairs_l2v(visual, text, prompt)
        return at_least_float32(v2l), at_least_float32(l2v)

    def gate_of(self, visual: Tensor, text: Tensor, prompt: Tensor | None = None) -> Tensor:
        """σ(A) of every image (rows) against every text (columns), (B, B), to look at.

        The arguments are those of :meth:`forward`; so are the errors.
        """
        with no_autocast(visual.device):
            return self.matrices(*unit_pairs(visual, text), prompt)[0].sigmoid()
