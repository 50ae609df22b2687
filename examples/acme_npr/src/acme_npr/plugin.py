"""What mfclip is offered."""

from mfclip import Detector, hookimpl

from acme_npr.parts import AcmeNpr

MFCLIP_HOOKS = 1


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The detector."""
    return [AcmeNpr]
