"""What the report shows of the detector at work: similarities of a batch, and single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.data.faces import largest_face, planes
from mfclip.data.frames import read_sample
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.data.source import Source
from mfclip.detector.base import DetectorModule
from mfclip.detector.protocols import ShowsPatches
from mfclip.metrics.scores import ScoreTable

PAIRS = 24
"""Rows of the similarity matrix: one batch of the paper."""

Image = UInt8[NDArray[np.uint8], "height width 3"]


@dataclass(frozen=True)
class PatchPicture:
    """The patch that a noise encoder reads in one image."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of the preprocessed image."""
    patch: Image
    noise: Image
    """The residual's magnitude, brightened so that the strongest pixel is white."""


def load_images(
    manifest: Manifest, rows: Sequence[Row], preprocessor: Preprocessor
) -> Float[Tensor, "n *frames 3 s s"]:
    """Decode and preprocess a few rows of a manifest on the CPU."""
    images = decoded(manifest, rows, preprocessor)
    return preprocessor(images, torch.device("cpu"))


def load_with_beside(
    manifest: Manifest, rows: Sequence[Row], preprocessor: Preprocessor
) -> tuple[Float[Tensor, "n *frames 3 s s"], dict[str, Float[Tensor, n * shape]]]:
    """The same, and by name what the recipe makes of an image to stand beside it."""
    images, cpu = decoded(manifest, rows, preprocessor), torch.device("cpu")
    made = preprocessor.inputs.of([Source(image) for image in images], scoring=True)
    return preprocessor(images, cpu), preprocessor.beside(made, cpu)


def decoded(
    manifest: Manifest, rows: Sequence[Row], preprocessor: Preprocessor
) -> list[UInt8[Tensor, "*frames 3 height width"]]:
    """A few rows of a manifest as they are in their files, or the largest faces in them."""
    frames, finder = preprocessor.settings.frames, preprocessor.finder
    files = [manifest.file(row) for row in rows]
    samples = [planes(read_sample(file, frames).pixels) for file in files]
    if finder is None:
        return samples
    return [largest_face(finder, *pair) for pair in zip(samples, files, strict=True)]


def stills(images: Float[Tensor, "n *frames 3 s s"]) -> Float[Tensor, "n 3 s s"]:
    """The images; of clips the frame in the middle."""
    return images if images.ndim == 4 else images[:, images.shape[1] // 2]


def as_picture(image: Float[Tensor, "3 height width"]) -> Image:
    """Float 0-1 -> uint8 for display."""
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    picture: Image = pixels.permute(1, 2, 0).cpu().numpy()
    return picture


def similarity_matrix(
    detector: DetectorModule, validation: Manifest, prompts: PromptTable | None, pre: Preprocessor
) -> tuple[Float[NDArray[np.float64], "n n"], list[str]] | None:
    """Cosine similarity of X_v (rows) and T_l (columns) of one validation batch, and its labels.

    Ordered by prompt. None where the detector has no text side.
    """
    if prompts is None:
        return None
    rows = _spread([row for row in validation.rows if row.label in prompts.labels])
    if not rows:
        return None
    index = torch.tensor([prompts.row(row.label) for row in rows])
    with torch.inference_mode():
        images, beside = load_with_beside(validation, rows, pre)
        pairs = detector.cpu().eval().pairs(images, index, **beside)
        if pairs is None:
            return None
        cosine = cosines(*pairs)
    return cosine.double().numpy(), [row.label.generator or row.label.label for row in rows]


def cosines(visual: Float[Tensor, "n d"], text: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Cosine similarity of each image (rows) with each prompt (columns)."""
    return F.normalize(visual, dim=-1) @ F.normalize(text, dim=-1).T


def _spread(rows: Sequence[Row]) -> list[Row]:
    """About PAIRS rows, equally many of each label, reals first."""
    by_label: dict[HierarchicalLabel, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    each = max(1, PAIRS // max(1, len(by_label)))
    order = sorted(by_label, key=lambda label: (label.is_fake, label))
    return [row for label in order for row in by_label[label][:each]]


def telling_rows(table: ScoreTable, each: int = 2) -> list[int]:
    """Rows worth showing: the most confident right and wrong ones of either class."""
    towards_truth = np.where(table.is_fake, table.log_odds, -table.log_odds)
    chosen: list[int] = []
    for fake in (True, False):
        of_class = np.flatnonzero(table.is_fake == fake)
        order = of_class[np.argsort(towards_truth[of_class], kind="stable")]
        chosen += [*order[::-1][:each], *order[:each]]
    return list(dict.fromkeys(int(row) for row in chosen))


def patch_pictures(
    detector: nn.Module, images: Float[Tensor, "n 3 s s"]
) -> list[PatchPicture] | None:
    """What the detector's patch reader sees; None where it has none."""
    reader = next((m for m in detector.modules() if isinstance(m, ShowsPatches)), None)
    if reader is None:
        return None
    with torch.inference_mode():
        view = reader.richest_patch(images)
    noise = view.noise.abs().float()[:, :3]
    noise = noise / noise.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
    return [
        PatchPicture(
            box=_box(view.box[i]),
            patch=as_picture(view.patch[i]),
            noise=as_picture(noise[i]),
        )
        for i in range(len(images))
    ]


def _box(corners: Float[Tensor, " 4"]) -> tuple[float, float, float, float]:
    left, top, right, bottom = corners.tolist()
    return left, top, right, bottom
