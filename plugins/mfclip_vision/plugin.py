"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Detector, Encoder
from mfclip_vision.parts import (
    Cvit,
    Ensemble,
    FrameMean,
    MapCnn,
    MultiModalVision,
    SrmNoise,
    Timm,
    Vector,
)


@hookimpl
def mfclip_encoders() -> list[type[Encoder]]:
    """Image encoders, noise encoder NE, and the multi-modal vision encoder MVE."""
    return [Cvit, SrmNoise, MapCnn, Vector, MultiModalVision, FrameMean, Timm]


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """Several encoders that judge together."""
    return [Ensemble]
