"""Sample pair attention, InfoNCE and their loss as parts of a recipe.

The only file of the package that knows the framework: everything else needs torch alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.hookspecs import hookimpl
from mfclip.parts import Alignment, BuildContext, Loss, Misfit, OutputName

if TYPE_CHECKING:
    from torch import nn


class Spa(Alignment):
    """Sample pair attention: a learnable matrix A raises and lowers pairs of samples."""

    paper: ClassVar[str] = "III-E, Eq. 7-10"

    use: Literal["spa"] = "spa"
    """Name of the part."""
    gate: Literal["logits", "softmax"] = "logits"
    """Where σ(A) acts: before the softmax (Eq. 7-8) or after it (Eq. 9-10). After it, A off the
    diagonal learns nothing and the encoders learn what plain InfoNCE teaches them."""
    index: Literal["position", "prompt", "features"] = "position"
    """What a row of A stands for: a place in the batch (the paper), a prompt class, or the
    sample's own embedding (A of low rank)."""
    rank: int = Field(default=8, ge=1)
    """r: rank of A for ``index = "features"``; the others do not read it."""
    per_direction: bool = False
    """One A for image to text and another for text to image, not one for both."""
    max_batch: int | None = Field(default=None, ge=1)
    """Largest batch of ``index = "position"``. Without it: the training's batch size."""
    temperature: float = Field(default=0.07, ge=0.01, le=100)
    """τ at the start; learnable, and never below 0.01."""
    initial_gate: float = Field(default=0.5, gt=0, lt=1)
    """σ(A) at the start, for every pair."""

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """A positional A smaller than the training's batch."""
        if self.max_batch is None:
            return
        if self.index != "position":
            yield Misfit("max_batch", "only index = 'position' has a largest batch; leave it out")
        elif self.max_batch < context.batch_size:
            yield Misfit(
                "max_batch",
                f"is {self.max_batch}, but the training's batches hold {context.batch_size} "
                "pairs; raise it, leave it out, or use index = 'prompt'",
            )

    def build(self, context: BuildContext) -> nn.Module:
        """Make the attention for the context's batch size or number of prompts."""
        from mfclip_spa.attention import SamplePairAttention

        by_place = self.index == "position"
        return SamplePairAttention(
            (self.max_batch or context.batch_size) if by_place else None,
            classes=context.prompts if self.index == "prompt" else None,
            features=context.width if self.index == "features" else None,
            rank=self.rank,
            gate=self.gate,
            per_direction=self.per_direction,
            temperature=self.temperature,
            initial_gate=self.initial_gate,
        )


class InfoNce(Alignment):
    """CLIP's plain similarities, every pair alike: the baseline of sample pair attention."""

    paper: ClassVar[str] = "III-E"

    use: Literal["infonce"] = "infonce"
    """Name of the part."""
    temperature: float = Field(default=0.07, ge=0.01, le=100)
    """τ at the start; learnable, and never below 0.01."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the alignment."""
        from mfclip_spa.attention import InfoNCE

        return InfoNCE(self.temperature)


class CrossModal(Loss):
    """Cross-modal contrastive loss: pair i is the right answer of row i, both ways."""

    paper: ClassVar[str] = "III-F, Eq. 11-12"
    needs: ClassVar[frozenset[OutputName]] = frozenset({"similarity"})

    use: Literal["cross-modal"] = "cross-modal"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_spa.contrastive import CrossModalLoss

        return CrossModalLoss()


@hookimpl
def mfclip_alignments() -> list[type[Alignment]]:
    """Sample pair attention and its baseline."""
    return [Spa, InfoNce]


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """The contrastive loss."""
    return [CrossModal]
