"""Maps that a detector gives of its own, such as where it takes an image to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfclip.detector.outputs import Outputs
from mfclip.detector.reading import select

if TYPE_CHECKING:
    from mfclip.inference.predict import Predictor
    from mfclip.recipe.model import Recipe


def declared(recipe: Recipe) -> tuple[str, ...]:
    """Outputs of which the recipe's detector says that they are one map an image: (B, 1, h, w)."""
    shapes = recipe.detector.shapes if recipe.detector else {}
    return tuple(name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 1)


def own_maps(
    predictor: Predictor, images: Sequence[UInt8[Tensor, "3 h w"]], names: Sequence[str]
) -> list[dict[str, Float[NDArray[Any], "rows columns"]]]:
    """Of each image the maps of these names, as far as they are given outside training."""
    if not names:
        return [{} for _ in images]
    with torch.inference_mode():
        batch, beside = predictor.prepared(images)
        outputs: Outputs = predictor.module(batch, **select(beside, predictor.module.reads))
    given = {name: outputs.extra[name] for name in names if name in outputs.extra}
    return [
        {name: value[place, 0].float().cpu().numpy() for name, value in given.items()}
        for place in range(len(images))
    ]


def over_image(
    image: UInt8[NDArray[Any], "h w 3"], values: Float[NDArray[Any], "rows columns"]
) -> UInt8[NDArray[Any], "h w 3"]:
    """A map over its image: the larger a value, the stronger the colour, from none to full.

    The map is enlarged to the image's size, bilinear, and its own smallest and largest values set
    the scale: nobody says what a map of a detector's own means.
    """
    from mfclip.explain.overlay import coloured

    size = image.shape[:2]
    large = functional.interpolate(
        torch.from_numpy(np.asarray(values, dtype=np.float64))[None, None], size, mode="bilinear"
    )[0, 0].numpy()
    low, high = float(large.min()), float(large.max())
    share = (large - low) / (high - low) if high > low else np.zeros_like(large)
    return coloured(image, share)
