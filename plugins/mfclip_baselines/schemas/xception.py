"""Xception."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.xception import Xception as Network


class Xception(OnTimm):
    """Depthwise separable convolutions with shortcuts (Chollet, CVPR 2017).

    The baseline of FaceForensics++: timm's ``legacy_xception`` with two classes, 20.8 M parameters.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Chollet, Xception, CVPR 2017; Rössler et al., FaceForensics++, ICCV 2019",
        read="the network, 299 px, mean and standard deviation 0.5",
        inferred="Adam at 2e-4, weight decay 5e-4, batches of 32, as public benchmarks train it",
    )

    use: Literal["xception"] = "xception"
    """Name of the part."""
    drop_rate: float = Field(default=0.0, ge=0, lt=1)
    """Share of the pooled features that are set to zero in training."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.xception import Xception as Network

        return Network(self.read_from(context), drop_rate=self.drop_rate)
