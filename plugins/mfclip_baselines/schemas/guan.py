"""Gradient regularisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.guan import Guan as Network


class Guan(OnTimm):
    """EfficientNet-B0 with its gradient by shallow statistics kept small (Guan et al., TIFS 2024).

    Each training step has two passes of what is behind the shallow maps, the second with their
    mean and standard deviation moved. Scoring is that of a plain EfficientNet-B0, 4.0 M parameters.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Guan et al., Improving generalization of deepfake detectors by imposing gradient "
        "regularization, TIFS 2024",
        read="EfficientNet-B0; the gradient by mean and standard deviation of shallow features, a "
        "step of r = 0.05 along it, half of the loss with and half without that step",
        inferred="the length is that of each image's own gradient, by both statistics together; "
        "the step itself is not differentiated",
        unknown="where the shallow features end (after the second of seven groups of blocks); "
        "Adam at 1e-4, weight decay 1e-5, batches of 32",
    )

    use: Literal["guan"] = "guan"
    """Name of the part."""
    blocks: int = Field(default=2, ge=1, le=6)
    """Groups of blocks, of seven, before the features whose statistics are moved."""
    radius: float = Field(default=0.05, gt=0)
    """r: length of the step along the gradient."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the loss after that step in the sum."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of an EfficientNet-B0.
        """
        from mfclip_baselines.guan import Guan as Network

        return Network(
            self.read_from(context), blocks=self.blocks, radius=self.radius, alpha=self.alpha
        )
