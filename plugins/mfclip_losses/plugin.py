"""Losses that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Loss
from mfclip_losses.parts import CrossEntropy, Focal, LanguageKl, UniformityAlignment


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """Cross-entropy, plain and focal, divergence of predicted text, spread of embeddings."""
    return [CrossEntropy, Focal, LanguageKl, UniformityAlignment]
