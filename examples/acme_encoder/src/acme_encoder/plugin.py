"""What this package offers. mfclip finds this module through the entry point in pyproject.toml."""

from mfclip import Alignment, ImageEncoder, hookimpl

from acme_encoder.parts import AcmeEfficientNet, AcmeSigmoid

MFCLIP_HOOKS = 1
"""Major version of the hooks that this module was written for."""


@hookimpl
def mfclip_encoders() -> list[type[ImageEncoder]]:
    """The pretrained image encoder."""
    return [AcmeEfficientNet]


@hookimpl
def mfclip_alignments() -> list[type[Alignment]]:
    """The pairwise sigmoid alignment."""
    return [AcmeSigmoid]
