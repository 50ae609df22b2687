"""The detector's own preprocessing as an image processor of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.inference.inputs import ImageInput, each_image


class MfclipImageProcessor(BaseImageProcessor):  # type: ignore[misc]
    """Images to ``pixel_values``, float32 0-1, to the last bit as mfclip prepares them.

    Parameters
    ----------
    preprocessing
        The recipe's table of that name.
    reencode
        What the resized image is encoded by before: ``png``, ``jpeg:1`` to ``jpeg:100``, or None.
    """

    model_input_names = ("pixel_values",)

    def __init__(
        self,
        preprocessing: Mapping[str, Any] | None = None,
        reencode: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.preprocessing, self.reencode = dict(preprocessing or {}), reencode

    def __call__(
        self, images: ImageInput, return_tensors: str | None = None, **kwargs: Any
    ) -> BatchFeature:
        """As :meth:`preprocess`."""
        return self.preprocess(images, return_tensors=return_tensors, **kwargs)

    def preprocess(
        self, images: ImageInput, return_tensors: str | None = None, **kwargs: Any
    ) -> BatchFeature:
        """Paths, PIL images, arrays (H, W, 3) of uint8, tensors (3, H, W), or a list of them.

        Raises
        ------
        ValueError
            For a file that cannot be decoded.
        UsageError
            For what is no image.
        """
        given = list(each_image(images))
        for place, one in enumerate(given):
            if one.image is None:
                raise ValueError(f"image {place}: {one.status}: {one.reason}")
        settings = PreprocessingSettings.model_validate(self.preprocessing)
        prepare = Preprocessor(settings, self.reencode)
        pixels = prepare([one.image for one in given if one.image is not None], torch.device("cpu"))
        values = pixels if return_tensors == "pt" else pixels.numpy()
        return BatchFeature({"pixel_values": values}, tensor_type=return_tensors)
