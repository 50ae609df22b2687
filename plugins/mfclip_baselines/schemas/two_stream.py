"""Two-Stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Misfit, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.two_stream import TwoStream as Network

SMALLEST = 32
"""Below this side, in pixels, an Xception's map has no place left to compare."""


class TwoStream(OnTimm):
    """Pixels and SRM residuals, an Xception each, with attention between them (Luo, CVPR 2021).

    Multi-scale noise of the pixel stream's features, residual-guided spatial attention, and dual
    cross-modality attention twice. ``weights`` fill both Xceptions.
    """

    paper: ClassVar[str] = "II"
    origin: ClassVar[Origin] = Origin(
        paper="Luo et al., Generalizing face forgery detection with high-frequency features, CVPR "
        "2021 (arXiv 2103.12376)",
        read="three SRM kernels, cut at 3; residuals of features of 32 and 64 channels; the "
        "spatial attention's layers; both cross-modality attentions at 728 channels with gates "
        "of zero; channel attention over the joined 4096 channels; dropout 0.5; images of 256",
        inferred="attention reads the residual itself, where the public code filters it a second "
        "time; each channel of the features is filtered by all three kernels, where that code's "
        "order gives most channels one kernel three times; cross-entropy, Adam at 2e-4, weight "
        "decay 5e-4 and batches of 32 as for Xception",
        unknown="the paper's own schedule",
    )

    use: Literal["two-stream"] = "two-stream"
    """Name of the part."""
    drop_rate: float = Field(default=0.5, ge=0, lt=1)
    """Share of the pooled features that are set to zero in training."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there, and images that are too small."""
        yield from super().misfits(context)
        if context.image_size < SMALLEST:
            yield Misfit(
                "",
                f"images must have a side of {SMALLEST} pixels or more, got "
                f"{context.image_size}; change preprocessing.size",
            )

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of an Xception.
        """
        from mfclip_baselines.two_stream import TwoStream as Network

        return Network(context.image_size, self.read_from(context), drop_rate=self.drop_rate)
