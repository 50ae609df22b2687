"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import PseudoFake
from mfclip_pseudo.parts import Autoencoder, SelfBlend, Spectrum, SwapBlend, Upsample


@hookimpl
def mfclip_pseudo_fakes() -> list[type[PseudoFake]]:
    """Blends first, then the traces of generators."""
    return [SelfBlend, SwapBlend, Upsample, Spectrum, Autoencoder]
