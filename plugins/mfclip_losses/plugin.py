"""Losses that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Loss
from mfclip_losses.parts import CrossEntropy, LanguageKl


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """Cross-entropy and the divergence of predicted text."""
    return [CrossEntropy, LanguageKl]
