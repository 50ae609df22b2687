"""Exported detectors in transformers: importing this registers them with its auto classes.

After ``import mfclip.transformers``, ``AutoModelForImageClassification``, ``AutoImageProcessor``
and ``pipeline("image-classification")`` load the folders that ``mfclip export --to transformers``
writes. The parts are those that are installed; no code of the folder runs.
"""

from __future__ import annotations

from mfclip.errors import MissingExtraError

try:
    import transformers
except ImportError as error:
    raise MissingExtraError("mfclip.transformers", "transformers") from error

from mfclip.transformers.configuration import MfclipConfig
from mfclip.transformers.modelling import MfclipForImageClassification
from mfclip.transformers.processing import MfclipImageProcessor

__all__ = ["MfclipConfig", "MfclipForImageClassification", "MfclipImageProcessor"]

transformers.AutoConfig.register(MfclipConfig.model_type, MfclipConfig, exist_ok=True)
transformers.AutoModelForImageClassification.register(
    MfclipConfig, MfclipForImageClassification, exist_ok=True
)
try:
    transformers.AutoImageProcessor.register(
        MfclipConfig,
        image_processor_classes=dict.fromkeys(("pil", "torchvision"), MfclipImageProcessor),
        exist_ok=True,
    )
except TypeError:  # transformers 4 knows no backends by name
    transformers.AutoImageProcessor.register(
        MfclipConfig, slow_image_processor_class=MfclipImageProcessor, exist_ok=True
    )
