"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Detector
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.xception import Xception


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The systems that the paper compares itself with."""
    return [Xception, Vit]
