"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Detector, Input, Loss
from mfclip_baselines.schemas.cevit import Cevit
from mfclip_baselines.schemas.coop import CoOp
from mfclip_baselines.schemas.ddvqa import (
    AnswerLikelihood,
    DdVqa,
    ImageContrastive,
    TextContrastive,
)
from mfclip_baselines.schemas.dire import Dire, DireMap
from mfclip_baselines.schemas.fatformer import FatFormer
from mfclip_baselines.schemas.focus import Focus, FocusSparsity, FocusStreams
from mfclip_baselines.schemas.freqnet import FreqNet
from mfclip_baselines.schemas.guan import Guan
from mfclip_baselines.schemas.m2tr import M2tr
from mfclip_baselines.schemas.recce import (
    FloodedCrossEntropy,
    Recce,
    RecceMetric,
    RecceReconstruction,
)
from mfclip_baselines.schemas.two_stream import TwoStream
from mfclip_baselines.schemas.uia_vit import PatchConsistency, UiaVit
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.vlffd import CoarseAndFine, Vlffd
from mfclip_baselines.schemas.xception import Xception
from mfclip_baselines.schemas.yu import Yu, YuDivergence, YuHierarchy


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The systems that the paper compares itself with."""
    return [
        *(Xception, Vit, FreqNet, Cevit, Guan, TwoStream, M2tr),
        *(Recce, UiaVit, Focus, Yu),
        *(CoOp, Dire, FatFormer, DdVqa, Vlffd),
    ]


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """What they minimise beside cross-entropy."""
    return [
        *(FloodedCrossEntropy, RecceReconstruction, RecceMetric),
        *(PatchConsistency, FocusStreams, FocusSparsity),
        *(YuHierarchy, YuDivergence),
        *(AnswerLikelihood, CoarseAndFine, ImageContrastive, TextContrastive),
    ]


@hookimpl
def mfclip_inputs() -> list[type[Input]]:
    """What they read beside the image."""
    return [DireMap]
