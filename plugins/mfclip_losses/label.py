"""Cross-entropy of the classification head (Eq. 14)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.detector.outputs import Outputs, Targets


class LabelCrossEntropy(nn.Module):
    """L_ce = −(1/b) Σ_i y_i · log softmax(logits_i)."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the batch, in nats."""
        return F.cross_entropy(outputs.logits, targets.label)
