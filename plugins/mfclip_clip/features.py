"""Vectors of a frozen tower, one image at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.data.source import Source
from mfclip.errors import DataError


class MakesFeatures:
    """Source -> what a tower says of its image, a vector (n,), float32.

    ``build`` makes the tower, once; ``size`` is the side of the square that it takes.
    """

    def __init__(self, build: Callable[[], nn.Module], size: int) -> None:
        self._build = build
        self._prepare = Preprocessor(PreprocessingSettings(size=size))

    @cached_property
    def tower(self) -> nn.Module:
        """In evaluation mode."""
        return self._build().eval()

    @torch.inference_mode()
    def __call__(self, source: Source) -> Float32[Tensor, " n"]:
        """Raises :class:`DataError` for a clip."""
        if source.image.ndim != 3:
            raise DataError("clip-features reads single images; received a clip of frames")
        image = self._prepare([source.image], torch.device("cpu"))
        vector: Tensor = self.tower(image)[0]
        return vector.clone()
