"""What a recipe can set, and where the detector comes from. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from mfclip import BuildContext, Detector, Origin
from pydantic import Field

if TYPE_CHECKING:
    from acme_npr.network import Npr

MAP = "acme-npr.map"
"""|NPR|, mean over the colours, (B, 1, H, W), 0-1."""


class AcmeNpr(Detector):
    """Traces of up-sampling in the differences of neighbouring pixels (Tan et al., CVPR 2024)."""

    gives: ClassVar[frozenset[str]] = frozenset({"logits", MAP})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {MAP: ("batch", 1, "h", "w")}
    origin: ClassVar[Origin] = Origin(
        paper="Tan et al., Rethinking the up-sampling operations in CNN-based generative network "
        "for generalizable deepfake detection, CVPR 2024 (arXiv 2312.10461)",
        read="each pixel minus the top left one of its window of 2 x 2, times 2/3; a 3x3 "
        "convolution of stride 2 with 64 channels, then layers 1 and 2 of a ResNet-50, their "
        "mean, one logit; from scratch; images of 256 cut to 224 and mirrored; Adam at 2e-4, four "
        "fifths of it after every 10 epochs, 50 epochs, batches of 32; binary cross-entropy",
        inferred="two logits, half of the one to either side; no weight decay; of the "
        "normalisation only the deviation counts, for the mean cancels; images of 256 whole, "
        "because a crop would be scaled here; 1,437,761 parameters",
        unknown="windows that an odd side cuts: compared with their own top left pixel",
    )

    use: Literal["acme-npr"] = "acme-npr"
    """Name of the part."""
    window: int = Field(default=2, ge=2)
    """l: side of the windows whose pixels are compared, pixels."""
    channels: int = Field(default=64, ge=1)
    """Channels of the first convolution; the features are eight times as many."""

    def build(self, context: BuildContext) -> Npr:
        """Make the network."""
        from acme_npr.network import Npr

        return Npr(self.window, self.channels)
