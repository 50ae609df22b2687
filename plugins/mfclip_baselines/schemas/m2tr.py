"""M2TR."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Misfit, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.m2tr import M2tr as Network

TILE = 32
"""Images must have sides that are multiples of it: a quarter of them is cut into 8 x 8 patches."""


class M2tr(OnTimm):
    """Attention among patches of four sizes beside a filtered spectrum (Wang et al., ICMR 2022).

    The blocks stand between the second and the third group of an EfficientNet-B4's layers.
    """

    paper: ClassVar[str] = "II"
    origin: ClassVar[Origin] = Origin(
        paper="Wang et al., M2TR: multi-modal multi-scale transformers for deepfake detection, "
        "ICMR 2022 (arXiv 2104.09770)",
        read="four blocks on the 32 channels at a quarter of 320 px; heads of patches s, s/2, s/4 "
        "and s/8; a learned complex filter; cross-modality attention; focal loss; SGD at 5e-4, "
        "momentum 0.9, batches of 8, 20 epochs, dropout of 0.5 before the classifier",
        inferred="two columns and softmax, where the public code has sigmoids on two outputs; the "
        "focal loss's gamma 2 (Lin et al. 2017)",
        unknown="weight decay (1e-4), the schedule",
        without="the terms of the paper on a mask of what was changed and on pairs of "
        "compressions are left out",
    )

    use: Literal["m2tr"] = "m2tr"
    """Name of the part."""
    depth: int = Field(default=4, ge=1)
    """Blocks."""
    drop_rate: float = Field(default=0.2, ge=0, lt=1)
    """Share of the pooled features that are set to zero in training; its authors' 0.5 stands in the
    assembly ``m2tr``."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there, and images that cannot be cut into patches."""
        yield from super().misfits(context)
        if context.image_size % TILE:
            yield Misfit(
                "",
                f"the side of the images must be a multiple of {TILE} pixels, got "
                f"{context.image_size}; change preprocessing.size",
            )

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of an EfficientNet-B4.
        """
        from mfclip_baselines.m2tr import M2tr as Network

        return Network(
            context.image_size,
            self.read_from(context),
            depth=self.depth,
            drop_rate=self.drop_rate,
        )
