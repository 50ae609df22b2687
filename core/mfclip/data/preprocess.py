"""The one preprocessing of training, evaluation and scoring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.data.inputs import Inputs
from mfclip.data.reencode import Reencoder
from mfclip.data.settings import PreprocessingSettings
from mfclip.data.source import Source
from mfclip.faces.finder import FaceFinder


class Preprocessor:
    """Decoded images to the detector's input: on the device, square, float32 0-1, RGB.

    * The whole image is resized to the square; an image that is not square is stretched, never
      cropped (face crops are nearly square, and a forgery's traces may lie at the border).
    * The resize filters against aliasing; bicubic overshoot is cut to 0-1.
    * An image that has the size already keeps its values exactly.
    * An image's result does not depend on the images beside it, to the last bit.
    * Where the data ask for it, the resized image is rounded to 8 bits and brought through one
      encoder, on the CPU: after whatever was done to the image before, in training as in scoring.

    Parameters
    ----------
    reencode
        ``png`` or ``jpeg:1`` to ``jpeg:100``, see :mod:`mfclip.data.reencode`; None: leave it out.
    inputs
        What is made of an image beside its pixels.
    finder
        What cuts faces out of the decoded pictures before all that; whoever decodes them asks it.
        None: the images are crops already.
    """

    def __init__(
        self,
        settings: PreprocessingSettings,
        reencode: str | None = None,
        inputs: Inputs | None = None,
        finder: FaceFinder | None = None,
    ) -> None:
        self.settings, self.finder = settings, finder
        self.inputs = inputs or Inputs()
        self.reencode = reencode
        self._encoder = None if reencode is None else Reencoder.named(reencode)

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 height width"]], device: torch.device
    ) -> Float[Tensor, "batch *frames 3 size size"]:
        """Preprocess images of any sizes, in their order; equal sizes are resized together.

        With ``frames`` in the settings each is a clip (T, 3, h, w). Copies to a GPU do not wait
        where the images lie in pinned memory.
        """
        frames = self.settings.frames
        if frames is None:
            return self._squares(images, device)
        squares = self._squares([frame for clip in images for frame in clip], device)
        return squares.view(len(images), frames, *squares.shape[1:])  # (B, T, 3, s, s)

    def _squares(
        self, images: Sequence[UInt8[Tensor, "3 height width"]], device: torch.device
    ) -> Float[Tensor, "batch 3 size size"]:
        size = self.settings.size
        moved = [image.to(device, non_blocking=True) for image in images]
        groups = _by_size(moved)
        if len(groups) == 1:  # spares a copy of the batch
            return self._resized(torch.stack(moved))
        out = torch.empty((len(moved), 3, size, size), device=device)
        for places in groups:
            out[places] = self._resized(torch.stack([moved[place] for place in places]))
        return out

    def example(self) -> dict[str, Float[Tensor, 1 * shape]]:
        """What is beside one black image, on the CPU, to run a detector that reads it."""
        black = Source(self.black())
        return self.beside(self.inputs.of([black], scoring=True, keep=False), torch.device("cpu"))

    def black(self) -> UInt8[Tensor, "*frames 3 size size"]:
        """A black sample, an image or a clip, of the detector's size."""
        frames = () if self.settings.frames is None else (self.settings.frames,)
        return torch.zeros(*frames, 3, self.settings.size, self.settings.size, dtype=torch.uint8)

    def beside(
        self, named: Mapping[str, Sequence[Tensor]], device: torch.device
    ) -> dict[str, Float[Tensor, batch * shape]]:
        """Inputs beside the images as batches on the device, float32; uint8 becomes 0-1.

        Maps (c, h, w) are resized as the images are, but bilinear and not re-encoded; photos are
        made as the images are; vectors are stacked.
        """
        photos = self.inputs.photos
        return {
            name: self._squares(values, device)
            if name in photos
            else torch.stack([self._beside(one.to(device)) for one in values])
            for name, values in named.items()
        }

    def _beside(self, one: Tensor) -> Float[Tensor, "*shape"]:
        values = one.float().div_(255) if one.dtype == torch.uint8 else one.float()
        size = (self.settings.size, self.settings.size)
        if values.ndim != 3 or values.shape[-2:] == size:
            return values
        resized = functional.interpolate(values[None], size, mode="bilinear", antialias=True)
        return resized[0]

    def _resized(
        self, images: UInt8[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 size size"]:
        size = (self.settings.size, self.settings.size)
        pixels = images.float()
        if images.shape[-2:] != size:
            mode = self.settings.interpolation
            pixels = functional.interpolate(pixels, size, mode=mode, antialias=True)
        if self._encoder is not None:
            pixels = self._encoded(pixels, self._encoder)
        return pixels.div_(255).clamp_(0, 1)

    @staticmethod
    def _encoded(
        pixels: Float[Tensor, "batch 3 size size"], encoder: Reencoder
    ) -> Float[Tensor, "batch 3 size size"]:
        """0-255 in and out."""
        levels = pixels.round().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        again = np.stack([encoder(np.ascontiguousarray(image)) for image in levels])
        return torch.from_numpy(again).permute(0, 3, 1, 2).to(pixels)


def _by_size(images: Sequence[Tensor]) -> list[list[int]]:
    """Places of the images, those of one size together."""
    places: dict[torch.Size, list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        places[image.shape].append(place)
    return list(places.values())
