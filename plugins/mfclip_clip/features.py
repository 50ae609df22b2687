"""Vectors of a frozen tower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float16
from torch import Tensor, nn

from mfclip.compute.precision import choose_precision, precision_name
from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.data.source import Source
from mfclip.errors import DataError, PluginError

CPU = torch.device("cpu")
TOGETHER = 32
"""Images that go through the tower at once."""


class MakesFeatures:
    """Source -> what a tower says of its image, a vector (n,), float16.

    Parameters
    ----------
    build
        Makes the tower; called once, when the first vector is made.
    size
        Side of the square that the tower takes, pixels.
    precision
        ``auto``, ``fp32`` or ``bf16``: what the tower computes in.
    reencode
        What the data bring every image through, as of the preprocessor; None: nothing.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        size: int,
        precision: str = "auto",
        reencode: str | None = None,
    ) -> None:
        self._build = build
        self._prepare = Preprocessor(PreprocessingSettings(size=size), reencode)
        self._precision = choose_precision(precision, CPU)

    @property
    def arithmetic(self) -> str:
        """``fp32`` or ``bf16``: vectors of the one are not taken for those of the other."""
        return precision_name(self._precision)

    @cached_property
    def tower(self) -> nn.Module:
        """In evaluation mode."""
        return self._build().eval()

    def __call__(self, source: Source) -> Float16[Tensor, " n"]:
        """Raises :class:`DataError` for a clip."""
        return self.many([source])[0]

    @torch.inference_mode()
    def many(self, sources: Sequence[Source]) -> list[Float16[Tensor, " n"]]:
        """One vector a source. Raises :class:`DataError` for a clip."""
        images = [source.image for source in sources]
        if any(image.ndim != 3 for image in images):
            raise DataError("clip-features reads single images; received a clip of frames")
        found: list[Tensor] = []
        for start in range(0, len(images), TOGETHER):
            found += self._vectors(images[start : start + TOGETHER])
        return found

    def _vectors(self, images: Sequence[Tensor]) -> list[Tensor]:
        reduced = self._precision != torch.float32
        with torch.autocast("cpu", self._precision, enabled=reduced):
            vectors = self.tower(self._prepare(images, CPU)).half()
        if not vectors.isfinite().all():
            raise PluginError("clip-features gave numbers beyond float16; are these its weights?")
        return [vector.clone() for vector in vectors]
