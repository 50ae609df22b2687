"""What a recipe can set of each pseudo-fake. Nothing here imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, PseudoFake
from mfclip_pseudo.words import Decoder, Method

if TYPE_CHECKING:
    from mfclip_pseudo.autoencoder import AutoencoderFake
    from mfclip_pseudo.self_blend import SelfBlender
    from mfclip_pseudo.spectrum import Fingerprint
    from mfclip_pseudo.swap_blend import SwapBlender
    from mfclip_pseudo.upsample import Upsampler

Strength = Annotated[float, Field(gt=0, le=1)]
Strengths = Annotated[tuple[Strength, ...], Field(min_length=1)]


class SelfBlend(PseudoFake):
    """The image blended with a slightly changed copy of itself under a soft mask over the face.

    After Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022, without
    landmarks: the mask is drawn about the centre of the image.
    """

    forgery: ClassVar[str] = "blended"
    family: ClassVar[str] = "blending"

    use: Literal["self-blend"] = "self-blend"
    """Name of the part."""
    strengths: Strengths = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    """Shares of the copy inside the mask, drawn with equal chance; 0-1."""
    colour: float = Field(default=20.0, ge=4, le=128)
    """Largest shift of a colour channel, of 255; every channel is shifted by 4 or more."""
    move: float = Field(default=0.03, ge=0, le=0.2)
    """Largest shift of the copy along each axis, as a share of the side."""
    scale: float = Field(default=0.05, ge=0, le=0.5)
    """Largest change of the copy's size, as a share of it."""
    elastic: float = Field(default=0.015, ge=0, le=0.1)
    """Largest elastic displacement inside the copy, as a share of the side."""

    def build(self, context: BuildContext) -> SelfBlender:
        """Make the function."""
        from mfclip_pseudo.self_blend import SelfBlender

        return SelfBlender(self.strengths, self.colour, self.move, self.scale, self.elastic)


class SwapBlend(PseudoFake):
    """The face of another real image, in this one's colours, pasted under a soft mask.

    After Li et al., Face X-ray for More General Face Forgery Detection, CVPR 2020, without
    landmarks: both faces are taken to lie in the middle, as in crops of faces. Where the batch has
    no other real image, it is the image's own mirror image.
    """

    forgery: ClassVar[str] = "FS"
    family: ClassVar[str] = "blending"

    use: Literal["swap-blend"] = "swap-blend"
    """Name of the part."""
    strengths: Strengths = (0.75, 1.0, 1.0)
    """Shares of the other face inside the mask, drawn with equal chance; 0-1."""

    def build(self, context: BuildContext) -> SwapBlender:
        """Make the function."""
        from mfclip_pseudo.swap_blend import SwapBlender

        return SwapBlender(self.strengths)


class Upsample(PseudoFake):
    """Traces of the upsampling layers of a generator, over the whole image.

    The image is made smaller and large again. Either the result is blended over the image, or only
    what a crude upsampling adds to a smooth one, so that the image stays sharp: copies of its
    spectrum around the multiples of the sampling frequency (Odena et al. 2016, Durall et al. 2020).
    """

    forgery: ClassVar[str] = "regenerated"
    family: ClassVar[str] = "upsampling"

    use: Literal["upsample"] = "upsample"
    """Name of the part."""
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = (
        *("nearest", "zeros", "bilinear", "bicubic", "lanczos"),
    )
    """Ways to upsample, drawn with equal chance. ``zeros``: zeros between the pixels, then a small
    drawn kernel, as a transposed convolution does it."""
    traces: float = Field(default=0.5, ge=0, le=1)
    """Share of the images that stay sharp and get the traces alone. Only ``nearest`` and ``zeros``
    leave any."""
    weakest: float = Field(default=0.5, gt=0, le=1)
    """The share of the result that is blended over the image is drawn between this and 1."""

    def build(self, context: BuildContext) -> Upsampler:
        """Make the function."""
        from mfclip_pseudo.upsample import Upsampler

        return Upsampler(self.methods, self.traces, self.weakest)


class Spectrum(PseudoFake):
    """A generator's fingerprint: a smooth radial gain of the spectrum, and a few periodic peaks.

    As Marra et al., Do GANs Leave Artificial Fingerprints?, 2019, and Frank et al., Leveraging
    Frequency Analysis for Deep Fake Image Recognition, 2020, find them in generated images.
    """

    forgery: ClassVar[str] = "regenerated"
    family: ClassVar[str] = "fingerprint"

    use: Literal["spectrum"] = "spectrum"
    """Name of the part."""
    gain: float = Field(default=0.3, ge=0, le=2)
    """Largest change of the amplitude at the highest frequencies, as its natural logarithm."""
    peaks: int = Field(default=6, ge=1, le=12)
    """Most peaks; 1 to so many are drawn, at multiples of 1/8 of the sampling frequency."""
    amplitude: float = Field(default=2.5, gt=1, le=32)
    """Largest amplitude of a peak's wave, of 255; the smallest is 1."""

    def build(self, context: BuildContext) -> Fingerprint:
        """Make the function."""
        from mfclip_pseudo.spectrum import Fingerprint

        return Fingerprint(self.gain, self.peaks, self.amplitude)


class Autoencoder(PseudoFake):
    """The image as small convolutional autoencoders bring it back.

    They are trained on random crops of the real training images before the first epoch: one of
    each decoder, and whose reconstruction an image becomes is drawn.
    """

    forgery: ClassVar[str] = "regenerated"
    family: ClassVar[str] = "autoencoder"

    use: Literal["autoencoder"] = "autoencoder"
    """Name of the part."""
    decoders: Annotated[tuple[Decoder, ...], Field(min_length=1)] = (
        *("nearest", "transposed", "shuffle"),
    )
    """How the decoders upsample. ``nearest``: repeated pixels, then a convolution; ``transposed``:
    transposed convolutions; ``shuffle``: channels become pixels. One autoencoder each."""
    down: Literal[4, 8] = 4
    """How many times smaller than the image the code is, each side."""
    channels: int = Field(default=32, ge=4, le=256)
    """Channels of the code."""
    steps: int = Field(default=300, ge=1)
    """Training steps, over all the autoencoders."""
    batch_size: int = Field(default=8, ge=1)
    """Crops in a step."""
    crop: int = Field(default=128, ge=32, multiple_of=8)
    """Side of a crop, pixels; a smaller image is mirrored at its borders."""
    images: int = Field(default=512, ge=1)
    """Real images that crops are taken of, at most."""

    def build(self, context: BuildContext) -> AutoencoderFake:
        """Make the autoencoders; they are untrained until they are fitted."""
        from mfclip_pseudo.autoencoder import AutoencoderFake

        return AutoencoderFake(
            self.decoders,
            down=self.down,
            channels=self.channels,
            steps=self.steps,
            batch_size=self.batch_size,
            crop=self.crop,
            images=self.images,
        )
