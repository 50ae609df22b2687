"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Detector
from mfclip_baselines.schemas.cevit import Cevit
from mfclip_baselines.schemas.freqnet import FreqNet
from mfclip_baselines.schemas.guan import Guan
from mfclip_baselines.schemas.m2tr import M2tr
from mfclip_baselines.schemas.two_stream import TwoStream
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.xception import Xception


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The systems that the paper compares itself with."""
    return [Xception, Vit, FreqNet, Cevit, Guan, TwoStream, M2tr]
