"""RECCE and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, Origin
from mfclip_baselines.output_names import RECCE_COSINES as COSINES
from mfclip_baselines.output_names import RECCE_RESIDUAL as RESIDUAL
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from torch import nn

    from mfclip_baselines.recce import Recce as Network


class Recce(OnTimm):
    """Reconstruction and classification learnt together (Cao et al., CVPR 2022).

    A decoder learns to reconstruct real faces from the middle of Xception; graphs between encoder
    and decoder, and attention on what the reconstruction misses, lead to the verdict. 25.8 M
    parameters. What the reconstruction misses is shown as a map.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", RESIDUAL, COSINES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        RESIDUAL: ("batch", 1, "height", "width"),
        COSINES: ("batch", "batch", 3),
    }
    origin: ClassVar[Origin] = Origin(
        paper="Cao et al., End-to-End Reconstruction-Classification Learning for Face Forgery "
        "Detection, CVPR 2022",
        read="the network and its sizes, the losses and their weights of 0.1, flooding at 0.04, "
        "dropout 0.2, noise 1e-6, Adam at 2e-4 with decay 1e-5, batches of 32, 299 px",
        inferred="two logits with cross-entropy where the authors have one; a drop every 5 epochs "
        "for one every 22500 steps",
    )

    use: Literal["recce"] = "recce"
    """Name of the part."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the channels in every layer; weights are of the whole network."""
    drop_rate: float = Field(default=0.2, ge=0, lt=1)
    """Dropout before the decoder, in graphs and attention, and before the classifier."""
    noise: float = Field(default=1e-6, ge=0)
    """Standard deviation of the noise on half of the training images, which span -1 to 1."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.recce import Recce as Network

        return Network(
            self.read_from(context), share=self.share, drop_rate=self.drop_rate, noise=self.noise
        )


class FloodedCrossEntropy(Loss):
    """Cross-entropy that does not fall below a level (Ishida et al., ICML 2020)."""

    use: Literal["flooded-cross-entropy"] = "flooded-cross-entropy"
    """Name of the part."""
    level: float = Field(default=0.04, ge=0)
    """The flood level b of |l - b| + b."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.recce import FloodedCrossEntropy as Term

        return Term(self.level)


class RecceReconstruction(Loss):
    """L1 distance of the real images from their reconstruction."""

    needs: ClassVar[frozenset[str]] = frozenset({RESIDUAL})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {RESIDUAL: ("batch", 1, 8, 8)}

    use: Literal["recce-reconstruction"] = "recce-reconstruction"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.recce import Reconstruction

        return Reconstruction()


class RecceMetric(Loss):
    """Pulls reals together and pushes fakes away from them, in encoder and decoder."""

    needs: ClassVar[frozenset[str]] = frozenset({COSINES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {COSINES: ("batch", "batch", 3)}

    use: Literal["recce-metric"] = "recce-metric"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.recce import Metric

        return Metric()
