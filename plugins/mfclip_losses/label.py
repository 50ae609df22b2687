"""Cross-entropy of the classification head (Eq. 14)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.detector.outputs import Outputs, Targets


class LabelCrossEntropy(nn.Module):
    """L_ce = −(1/b) Σ_i y_i · log softmax(logits_i).

    With ``smoothing`` ε (0-1, below 1), y_i is ε / 2 for the wrong class and 1 − ε / 2 for the
    right one (Szegedy et al. 2016, section 7).
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the batch, in nats."""
        return F.cross_entropy(outputs.logits, targets.label, label_smoothing=self.smoothing)
