"""FreqNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from mfclip.parts import BuildContext, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.freqnet import FreqNet as Network


class FreqNet(OnTimm):
    """High-pass filters and convolutions of spectra between two layers of a ResNet-50 (Tan 2024).

    1.85 M parameters. Its authors train it from scratch; ``weights`` are those of a ResNet-50, of
    which layers 1 and 2 are read.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Tan et al., Frequency-aware deepfake detection, AAAI 2024 (arXiv 2403.07240)",
        read="high-pass on the image, on features and across channels, a box of half the "
        "spectrum's sides at zero, then ReLU; 1x1 convolutions of the spectrum's real and of its "
        "imaginary part; widths 64, 64 (stride 2), 256, 256 (stride 2); ResNet-50 layers 1 and 2; "
        "1.85 M parameters; first weights of the 1x1 convolutions from N(0, 1); images of 224; "
        "batches of 32; binary cross-entropy on one logit",
        inferred="two logits, half of the one to either side; Adam at 2e-4, a tenth of it after "
        "every 10 epochs",
        unknown="weight decay (0); users report results that vary much with the seed",
    )

    use: Literal["freqnet"] = "freqnet"
    """Name of the part."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of a ResNet-50.
        """
        from mfclip_baselines.freqnet import FreqNet as Network

        return Network(self.read_from(context))
