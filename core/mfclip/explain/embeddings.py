"""X_v of many images, to be drawn in the plane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from mfclip.data.loader import evaluation_loader
from mfclip.data.manifest import Manifest
from mfclip.detector.outputs import Outputs
from mfclip.detector.reading import select

if TYPE_CHECKING:
    from mfclip.inference.predict import Predictor

MOST = 500
"""Images that are drawn: more would hide each other."""


def drawn_part(manifest: Manifest, most: int = MOST) -> Manifest:
    """At most so many rows, evenly spaced over the table."""
    if len(manifest) <= most:
        return manifest
    places = np.linspace(0, len(manifest) - 1, most).round().astype(int)
    return replace(manifest, rows=tuple(manifest.rows[place] for place in places))


def embeddings(
    predictor: Predictor, manifest: Manifest, *, batch_size: int, workers: int | None
) -> Float[NDArray[Any], "n width"] | None:
    """One row an image, in the manifest's order; None for a detector that gives no X_v.

    Raises:
        ImageError: An image cannot be read.
    """
    loader = evaluation_loader(
        manifest,
        None,
        batch_size=batch_size,
        workers=workers,
        pin_memory=predictor.device.type == "cuda",
        frames=predictor.preprocessor.settings.frames,
        finder=predictor.preprocessor.finder,
    )
    rows = []
    for batch in loader:
        with torch.inference_mode():
            images, beside = predictor.prepared(batch.images, keep=True)
            outputs: Outputs = predictor.module(images, **select(beside, predictor.module.reads))
        if outputs.visual is None:
            return None
        rows.append(outputs.visual.float().cpu().numpy())
    found: NDArray[Any] = np.concatenate(rows)
    return found
