"""Losses that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Loss
from mfclip_losses.parts import CrossEntropy, LanguageKl, UniformityAlignment


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """Cross-entropy, the divergence of predicted text, and the spread of image embeddings."""
    return [CrossEntropy, LanguageKl, UniformityAlignment]
