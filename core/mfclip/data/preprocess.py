"""The one preprocessing of training, evaluation and scoring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.recipe.settings import PreprocessingSettings


class Preprocessor:
    """Decoded images to the detector's input: on the device, square, float32 0-1, RGB.

    * The whole image is resized to the square; an image that is not square is stretched, never
      cropped (face crops are nearly square, and a forgery's traces may lie at the border).
    * The resize filters against aliasing; bicubic overshoot is cut to 0-1.
    * An image that has the size already keeps its values exactly.
    * An image's result does not depend on the images beside it, to the last bit.
    """

    def __init__(self, settings: PreprocessingSettings) -> None:
        self.settings = settings

    def __call__(
        self, images: Sequence[UInt8[Tensor, "3 height width"]], device: torch.device
    ) -> Float[Tensor, "batch 3 size size"]:
        """Preprocess images of any sizes, in their order; equal sizes are resized together.

        Copies to a GPU do not wait where the images lie in pinned memory.
        """
        size = self.settings.size
        moved = [image.to(device, non_blocking=True) for image in images]
        groups = _by_size(moved)
        if len(groups) == 1:  # spares a copy of the batch
            return self._resized(torch.stack(moved))
        out = torch.empty((len(moved), 3, size, size), device=device)
        for places in groups:
            out[places] = self._resized(torch.stack([moved[place] for place in places]))
        return out

    def _resized(
        self, images: UInt8[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 size size"]:
        size = (self.settings.size, self.settings.size)
        pixels = images.float()
        if images.shape[-2:] != size:
            mode = self.settings.interpolation
            pixels = functional.interpolate(pixels, size, mode=mode, antialias=True)
        return pixels.div_(255).clamp_(0, 1)


def _by_size(images: Sequence[Tensor]) -> list[list[int]]:
    """Places of the images, those of one size together."""
    places: dict[torch.Size, list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        places[image.shape].append(place)
    return list(places.values())
