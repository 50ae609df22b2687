"""Scores of corrupted images: what the robustness protocol measures.

A corruption is applied to the decoded image, at a stated resolution, before the resize to the
detector's input. The other way round a detector with a large input would face weaker blocks and
blur than one with a small input, and their figures could not be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.data.frames import by_frame
from mfclip.errors import UsageError
from mfclip.inference.predict import Predictor, predict_with

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mfclip.data.loader import Batch
    from mfclip.data.manifest import Manifest
    from mfclip.data.protocols import Corrupts

STRONGEST = 5
"""The highest level."""


@dataclass(frozen=True, slots=True)
class Corrupted:
    """Turns a decoded image into its corrupted self, at the stated resolution.

    What becomes of an image depends on its pixels, its path and the fields below, never on the
    images around it or on their order.
    """

    corruption: Corrupts
    level: int
    """1 to 5; 0 leaves the image as it is at that resolution: the start of every curve."""
    seed: int
    """Of all images together; each gets its own from it, see :func:`image_seed`."""
    size: int | None = None
    """Pixels of the shorter side at which the corruption is applied; None: as the file has it."""

    def __post_init__(self) -> None:
        if self.level not in range(STRONGEST + 1):
            raise UsageError(f"a corruption's level is 0 to {STRONGEST}, got {self.level}")
        if self.size is not None and self.size < 1:
            raise UsageError(f"a corruption's size is 1 pixel or more, got {self.size}")

    def __call__(
        self, image: UInt8[Tensor, "3 height width"], path: Path
    ) -> UInt8[Tensor, "3 rows columns"]:
        """Resize to the stated resolution, then corrupt. ``path`` is the manifest's, as it is."""
        if self.size is not None:
            image = at_resolution(image, self.size)
        if self.level == 0:
            return image
        return self.corruption(image, self.level, image_seed(self.seed, path))


def image_seed(seed: int, path: Path) -> int:
    """Seed of one image, 63 bits: a hash of the seed of all and of the image's path.

    Levels and corruptions share it, so that a level adds to the noise or the blocks of the one
    before and the curve over levels is of one draw.
    """
    text = f"{seed}:{path.as_posix()}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def at_resolution(
    image: UInt8[Tensor, "3 height width"], size: int
) -> UInt8[Tensor, "3 rows columns"]:
    """Resize so that the shorter side has ``size`` pixels; the proportions stay.

    Bicubic, filtered against aliasing, rounded to whole levels. An image that has the size
    already is returned as it is.
    """
    height, width = image.shape[-2:]
    shorter = min(height, width)
    if shorter == size:
        return image
    new = [max(1, round(side * size / shorter)) for side in (height, width)]
    pixels = functional.interpolate(image[None].float(), new, mode="bicubic", antialias=True)[0]
    return pixels.round_().clamp_(0, 255).to(torch.uint8)


def corrupted_log_odds(
    predictor: Predictor,
    manifest: Manifest,
    corruption: Corrupts,
    level: int,
    *,
    seed: int,
    size: int | None,
    batch_size: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """One log-odds for each row of the manifest, in its order, of the corrupted images.

    The arguments are those of :class:`Corrupted` and of
    :func:`mfclip.inference.predict.predict_with`; images are decoded, corrupted and scored batch
    by batch, so memory does not grow with the manifest.

    Raises
    ------
    UsageError
        For a level that is not 0 to 5 and a size below 1.
    ImageError
        For an image that cannot be read.
    """
    corrupted = Corrupted(corruption, level, seed, size)
    paths = [row.path for row in manifest]

    def corrupt(batch: Batch) -> list[Tensor]:
        places = batch.index.tolist()
        return [
            by_frame(partial(corrupted, path=paths[row]), image)
            for image, row in zip(batch.images, places, strict=True)
        ]

    return predict_with(
        predictor,
        manifest,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
        change=corrupt,
    )
