"""Cross-entropy of the classification head (Eq. 14), and its focal form."""

from __future__ import annotations

import torch
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


class FocalCrossEntropy(nn.Module):
    """−(1/b) Σ_i (1 − p_i)^γ · log p_i, p_i what softmax(logits_i) gives the true class.

    The surer and right an image is, the less it counts (Lin et al. 2017, Eq. 4).
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the batch, in nats."""
        log_p = -F.cross_entropy(outputs.logits, targets.label, reduction="none")
        # 1 - p as -expm1(log p): of an image that is all but sure, 1 - exp would leave nothing.
        return -((-torch.expm1(log_p)) ** self.gamma * log_p).mean()
