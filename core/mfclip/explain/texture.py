"""The richest and the poorest patch of each image, with their noise (the paper's Fig. 1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor, nn

from mfclip.detector.protocols import ShowsTexture, TextureView
from mfclip.errors import UsageError
from mfclip.explain.pictures import as_picture
from mfclip.parts import BuildContext
from mfclip.recipe.registry import plugins_for, read_registry

NOISE_WHITE = 12.0
"""Grey levels of residual that are shown as white. The same in every picture, so they compare."""


@dataclass(frozen=True)
class PatchEnd:
    """The richest or the poorest patch of an image."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of the preprocessed image."""
    homogeneity: float
    """Of its grey-level co-occurrence matrix, 0-1; the smaller, the richer."""
    noise_rms: float
    """Root mean square of the residual over filters and pixels, grey levels."""
    patch: UInt8[NDArray[Any], "p p 3"]
    noise: UInt8[NDArray[Any], "p p 3"]
    """Mean magnitude over the filters, in grey; white: NOISE_WHITE and above."""


@dataclass(frozen=True)
class TextureReader:
    """Finds the patches of images."""

    encoder: ShowsTexture
    owner: str
    """Name of the detector that it is a part of; empty: it was made to look only."""

    def ends(self, images: Float[Tensor, "n 3 s s"]) -> list[tuple[PatchEnd, PatchEnd]]:
        """Richest and poorest patch of each image."""
        with torch.inference_mode():
            richest, poorest = self.encoder.texture_ends(images)
        return [(_end(richest, i), _end(poorest, i)) for i in range(len(images))]


def texture_reader(
    detectors: Iterable[tuple[str, nn.Module]], size: int, device: torch.device
) -> TextureReader:
    """That of the first detector that has one; else a noise encoder with patches of half the size.

    Args:
        detectors: Names and modules.
        size: Side of the first detector's images, pixels.
        device: Where they are.

    Raises:
        UsageError: No detector reads patches, and no installed part does.
    """
    for name, module in detectors:
        for inner in module.modules():
            if isinstance(inner, ShowsTexture):
                return TextureReader(inner, name)
    offer = plugins_for(read_registry(None)).get("encoder", "srm-noise")
    if offer is None:
        raise UsageError("no part 'srm-noise' is installed, which finds the patches of an image")
    # Only its selector and filters are used, so the rest of it is as small as can be.
    small = {"patch_size": size // 2, "channels": 2, "grid": 1, "dim": 1, "heads": 1, "mlp": 1}
    part = offer.schema.model_validate({**small, "blocks": 1})
    built = part.build(BuildContext(image_size=size)).to(device).eval()
    assert isinstance(built, ShowsTexture)
    return TextureReader(built, "")


def _end(view: TextureView, place: int) -> PatchEnd:
    noise = view.noise[place].float()
    left, top, right, bottom = view.box[place].tolist()
    shown = noise.abs().mean(0).expand(3, -1, -1) / NOISE_WHITE
    return PatchEnd(
        box=(left, top, right, bottom),
        homogeneity=float(view.homogeneity[place]),
        noise_rms=float(noise.square().mean().sqrt()),
        patch=as_picture(view.patch[place]),
        noise=as_picture(shown),
    )
