"""What is exported: the detector's visual side with the steps around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.bundle.folder import Bundle
from mfclip.detector.base import DetectorModule
from mfclip.detector.outputs import FAKE, REAL
from mfclip.errors import UsageError
from mfclip.inference.fold import fold

if TYPE_CHECKING:
    from mfclip.recipe.model import Recipe


class Scorer(nn.Module):
    """Prepared images to log-odds and calibrated probability, in float32.

    The detector's own normalisation, patch selection and filters are inside; resizing is not.
    """

    def __init__(self, detector: DetectorModule, temperature: float) -> None:
        super().__init__()
        self.detector = fold(detector.scoring())
        self.temperature = temperature

    def forward(
        self, images: Float[Tensor, "batch *frames 3 size size"]
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Images 0-1, RGB -> log-odds, above zero fake; ``p_fake`` 0-1."""
        logits = self.detector(images).logits
        log_odds = logits[:, FAKE] - logits[:, REAL]
        return log_odds, torch.sigmoid(log_odds / self.temperature)


def check_exportable(bundle: Bundle, *, frames: bool) -> None:
    """Raise :class:`UsageError` for a detector that needs more than the pixels of its images.

    ``frames``: whether the format takes clips.
    """
    beside = reads(bundle.recipe)
    if beside:
        raise UsageError(
            f"{bundle.folder} reads {', '.join(beside)} beside the image, which mfclip makes with "
            "its parts; an exported model is given pixels alone. Score the bundle itself."
        )
    if bundle.recipe.preprocessing.frames is not None and not frames:
        raise UsageError(
            f"{bundle.folder} reads clips of {bundle.recipe.preprocessing.frames} frames; "
            "transformers' image classification gives one image. Export it to onnx or openvino."
        )


def reads(recipe: Recipe) -> list[str]:
    """Names of what is made of an image and handed to the detector beside it when it scores."""
    part = recipe.detector or recipe.vision
    taken = part.reads if part is not None else frozenset()
    return sorted(one.name for one in recipe.input or () if one.name in taken and not one.columns)


def scorer(bundle: Bundle) -> Scorer:
    """The bundle's detector, ready to be exported, on the CPU and in float32."""
    return Scorer(bundle.detector(text_side=False), bundle.about.operating.temperature).eval()
