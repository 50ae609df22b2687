"""What a recipe and a protocol can set of each corruption, and the parameters of its five levels.

The levels are those of DeeperForensics-1.0, which Fig. 7 of the paper is made with. Sizes in
pixels (blocks, kernels, factors) are meant at the resolution of the image that goes in: corrupt
first, then resize to the detector's input.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from mfclip.parts import BuildContext, Corruption

if TYPE_CHECKING:
    from mfclip_corruptions.levels import Levelled


def _falling(qualities: tuple[int, ...]) -> tuple[int, ...]:
    if any(higher <= lower for higher, lower in pairwise(qualities)):
        raise ValueError(f"each level is worse than the one before, got {list(qualities)}")
    return qualities


Quality = Annotated[int, Field(ge=1, le=95)]
Qualities = Annotated[tuple[Quality, Quality, Quality, Quality, Quality], AfterValidator(_falling)]


class Saturation(Corruption):
    """Colours paler: chroma scaled about grey by 0.4, 0.3, 0.2, 0.1 and 0; level 5 is grey."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    tenths: ClassVar[tuple[int, ...]] = (4, 3, 2, 1, 0)

    use: Literal["saturation"] = "saturation"
    """Name of the part."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.levels import Levelled
        from mfclip_corruptions.saturation import saturate

        return Levelled(saturate, self.tenths)


class Contrast(Corruption):
    """Less contrast: pixel values times 0.85, 0.725, 0.6, 0.475 and 0.35."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    thousandths: ClassVar[tuple[int, ...]] = (850, 725, 600, 475, 350)

    use: Literal["contrast"] = "contrast"
    """Name of the part."""
    about: Literal["black", "mean"] = "black"
    """The value that stays. ``black``: the image gets darker, as in DeeperForensics-1.0.
    ``mean``: the image's mean grey, so that only the contrast changes."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.contrast import reduce_contrast
        from mfclip_corruptions.levels import Levelled

        return Levelled(partial(reduce_contrast, about=self.about), self.thousandths)


class Block(Corruption):
    """Grey blocks of 8 x 8 pixels at random places: 16, 32, 48, 64 and 80 for 256 pixels."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    blocks: ClassVar[tuple[int, ...]] = (16, 32, 48, 64, 80)

    use: Literal["block"] = "block"
    """Name of the part."""
    count: Literal["scaled", "original"] = "scaled"
    """How the number follows the shorter side of the image, in units of 256 pixels. ``scaled``:
    in proportion. ``original``: by whole units, as in DeeperForensics-1.0, which leaves every
    image under 256 pixels as it is."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.block import add_blocks
        from mfclip_corruptions.levels import Levelled

        return Levelled(partial(add_blocks, count=self.count), self.blocks)


class Noise(Corruption):
    """White Gaussian noise in YCbCr, variance 0.001, 0.002, 0.005, 0.01 and 0.05 on 0-1."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    variances: ClassVar[tuple[float, ...]] = (0.001, 0.002, 0.005, 0.01, 0.05)

    use: Literal["noise"] = "noise"
    """Name of the part."""

    def build(self, context: BuildContext) -> Levelled[float]:
        """Make the function."""
        from mfclip_corruptions.levels import Levelled
        from mfclip_corruptions.noise import add_noise

        return Levelled(add_noise, self.variances)


class Blur(Corruption):
    """Gaussian blur by kernels of 7, 9, 13, 17 and 21 pixels; sigma is a sixth of the kernel."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    taps: ClassVar[tuple[int, ...]] = (7, 9, 13, 17, 21)

    use: Literal["blur"] = "blur"
    """Name of the part."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.blur import blur
        from mfclip_corruptions.levels import Levelled

        return Levelled(blur, self.taps)


class Pixelation(Corruption):
    """Made 2, 3, 4, 5 and 6 times smaller and large again, bilinear, without filtering.

    DeeperForensics-1.0 calls it JPEG compression, but it codes no JPEG; see ``jpeg``.
    """

    paper: ClassVar[str] = "IV-B, Fig. 7"
    factors: ClassVar[tuple[int, ...]] = (2, 3, 4, 5, 6)

    use: Literal["pixelation"] = "pixelation"
    """Name of the part."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.levels import Levelled
        from mfclip_corruptions.pixelation import pixelate

        return Levelled(pixelate, self.factors)


class VideoCompression(Corruption):
    """H.264 by x264 at rate factors (CRF) 30, 32, 35, 38 and 40, one key frame an image."""

    paper: ClassVar[str] = "IV-B, Fig. 7"
    modules: ClassVar[tuple[str, ...]] = ("av",)
    extra: ClassVar[str | None] = "mfclip[video]"
    rate_factors: ClassVar[tuple[int, ...]] = (30, 32, 35, 38, 40)

    use: Literal["video-compression"] = "video-compression"
    """Name of the part."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function.

        Raises
        ------
        MissingExtraError
            Where PyAV is not installed.
        PluginError
            Where PyAV was built without x264.
        """
        from mfclip_corruptions.levels import Levelled
        from mfclip_corruptions.video import compress_video, require_encoder

        require_encoder()
        return Levelled(compress_video, self.rate_factors)


class Jpeg(Corruption):
    """True JPEG compression. Not one of the seven of Fig. 7."""

    use: Literal["jpeg"] = "jpeg"
    """Name of the part."""
    qualities: Qualities = (80, 60, 40, 20, 10)
    """libjpeg's quality at levels 1 to 5, 1-95, falling."""
    subsampling: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0"
    """How many colour samples are kept: a quarter, half, or all."""

    def build(self, context: BuildContext) -> Levelled[int]:
        """Make the function."""
        from mfclip_corruptions.jpeg import compress_jpeg
        from mfclip_corruptions.levels import Levelled

        return Levelled(partial(compress_jpeg, subsampling=self.subsampling), self.qualities)
