"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Detector, Input, Loss
from mfclip_baselines.schemas.coop import CoOp
from mfclip_baselines.schemas.ddvqa import (
    AnswerLikelihood,
    DdVqa,
    ImageContrastive,
    TextContrastive,
)
from mfclip_baselines.schemas.dire import Dire, DireMap
from mfclip_baselines.schemas.fatformer import FatFormer
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.vlffd import CoarseAndFine, Vlffd
from mfclip_baselines.schemas.xception import Xception


@hookimpl
def mfclip_detectors() -> list[type[Detector]]:
    """The systems that the paper compares itself with."""
    return [CoOp, DdVqa, Dire, FatFormer, Vit, Vlffd, Xception]


@hookimpl
def mfclip_inputs() -> list[type[Input]]:
    """What they read beside the image."""
    return [DireMap]


@hookimpl
def mfclip_losses() -> list[type[Loss]]:
    """Losses of their own."""
    return [AnswerLikelihood, CoarseAndFine, ImageContrastive, TextContrastive]
