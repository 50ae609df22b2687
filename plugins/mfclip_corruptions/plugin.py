"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Corruption
from mfclip_corruptions.parts import (
    Block,
    Blur,
    Contrast,
    Jpeg,
    Noise,
    Pixelation,
    Saturation,
    VideoCompression,
)


@hookimpl
def mfclip_corruptions() -> list[type[Corruption]]:
    """The seven of DeeperForensics-1.0 in the paper's order, then JPEG."""
    return [Saturation, Contrast, Block, Noise, Blur, Pixelation, VideoCompression, Jpeg]
