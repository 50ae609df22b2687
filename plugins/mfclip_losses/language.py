"""Divergence of the predicted from the true language features (Eq. 13)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError


class LanguageDivergence(nn.Module):
    """L_kl = (1/b) Σ_i δ(T_l,i) · log(δ(T_l,i) / δ(T_l,i^pre)), δ a softmax over the width d.

    Gradient reaches both embeddings, as in Eq. 13, unless ``detach_target`` holds T_l fixed.
    """

    def __init__(self, temperature: float = 0.5, detach_target: bool = False) -> None:
        super().__init__()
        self.temperature = temperature
        self.detach_target = detach_target

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """Mean over the batch, in nats; 0 where prediction and text agree.

        Raises:
            PluginError: the detector gave no text or no predicted text.
        """
        text, predicted = outputs.text, outputs.predicted_text
        if text is None or predicted is None:
            raise PluginError(
                "language-kl compares 'text' with 'predicted_text', and the detector gave "
                f"{_given(outputs)}; it needs a text encoder and a predictor, while training"
            )
        if self.detach_target:
            text = text.detach()
        return F.kl_div(
            self._log_distribution(predicted),
            self._log_distribution(text),
            reduction="batchmean",
            log_target=True,
        )

    def _log_distribution(
        self, embedding: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch width"]:
        return (embedding / self.temperature).log_softmax(-1)


def _given(outputs: Outputs) -> str:
    names = [n for n in ("text", "predicted_text") if getattr(outputs, n) is not None]
    return f"only {names[0]!r}" if names else "neither"
