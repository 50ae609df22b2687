"""What mfclip is offered."""

from acme_localiser.parts import AcmeLocaliser, AcmeMask
from mfclip import Detector, Loss, hookimpl

MFCLIP_HOOKS = 1


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The detector."""
    return [AcmeLocaliser]


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """Its loss."""
    return [AcmeMask]
