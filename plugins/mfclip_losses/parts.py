"""The losses as parts of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Loss, OutputName

if TYPE_CHECKING:
    from torch import nn


class CrossEntropy(Loss):
    """Cross-entropy between the two logits and the true label."""

    paper: ClassVar[str] = "III-F, Eq. 14"
    needs: ClassVar[frozenset[OutputName]] = frozenset({"logits"})

    use: Literal["cross-entropy"] = "cross-entropy"
    """Name of the part."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing (Szegedy et al. 2016): this much of each label is shared out evenly over real
    and fake, so that 0.1 makes 0.95 and 0.05 of 1 and 0."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_losses.label import LabelCrossEntropy

        return LabelCrossEntropy(self.smoothing)


class Focal(Loss):
    """Cross-entropy in which images that are already right count less (Lin et al. 2017)."""

    needs: ClassVar[frozenset[OutputName]] = frozenset({"logits"})

    use: Literal["focal"] = "focal"
    """Name of the part."""
    gamma: float = Field(default=2.0, ge=0)
    """Exponent of what the true class lacks to 1. 0: plain cross-entropy."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_losses.label import FocalCrossEntropy

        return FocalCrossEntropy(self.gamma)


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


class UniformityAlignment(Loss):
    """Image embeddings of one label near each other, all of them spread over the unit sphere.

    Wang & Isola 2020, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere"; what is alike is told by the label, as in Yermakov et al. 2025,
    "Deepfake Detection that Generalizes Across Benchmarks". Embeddings are divided by their length.
    """

    needs: ClassVar[frozenset[OutputName]] = frozenset({"visual"})

    use: Literal["uniformity-alignment"] = "uniformity-alignment"
    """Name of the part."""
    alignment: float = Field(default=1.0, ge=0)
    """Factor of the alignment: the mean of distance ** ``alpha`` over pairs of one label."""
    uniformity: float = Field(default=1.0, ge=0)
    """Factor of the uniformity: log of the mean of exp(-``t`` distance ** 2) over all pairs."""
    alpha: float = Field(default=2.0, ge=1)
    """Exponent of the alignment's distances."""
    t: float = Field(default=2.0, gt=0)
    """Of the uniformity. The greater, the more the nearest pairs count."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.alignment and not self.uniformity:
            raise ValueError(
                "a loss needs a term: got alignment 0 and uniformity 0; set one of them above 0, "
                "or leave the loss out"
            )
        return self

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_losses.sphere import UniformityAlignmentLoss

        return UniformityAlignmentLoss(self.alignment, self.uniformity, self.alpha, self.t)
