"""The losses as parts of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, OutputName

if TYPE_CHECKING:
    from torch import nn


class CrossEntropy(Loss):
    """Cross-entropy between the two logits and the true label."""

    paper: ClassVar[str] = "III-F, Eq. 14"
    needs: ClassVar[frozenset[OutputName]] = frozenset({"logits"})

    use: Literal["cross-entropy"] = "cross-entropy"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_losses.label import LabelCrossEntropy

        return LabelCrossEntropy()


class LanguageKl(Loss):
    """Kullback-Leibler divergence of the predicted from the true text embedding."""

    paper: ClassVar[str] = "III-F, Eq. 13"
    needs: ClassVar[frozenset[OutputName]] = frozenset({"text", "predicted_text"})

    use: Literal["language-kl"] = "language-kl"
    """Name of the part."""
    temperature: float = Field(default=0.5, gt=0)
    """Both embeddings are divided by it before their softmax. Below 1 it sharpens them."""
    detach_target: bool = False
    """Keep the gradient of this loss from the text encoder. Eq. 13 lets it through, so the text
    encoder also learns to be predictable; with it, only the vision side follows the text."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_losses.language import LanguageDivergence

        return LanguageDivergence(self.temperature, self.detach_target)
