"""Where a detector keeps its last map of features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.detector.protocols import ShowsPatches
from mfclip.errors import UsageError

CONVOLUTIONS = 2
"""So many must have run before a map: that of a transformer's patch embedding, which is one
convolution, holds pixels and no evidence yet."""


def last_map(module: nn.Module, image: Float[Tensor, "1 3 size size"]) -> nn.Module:
    """The innermost module that gives the last feature map (B, C, h, w) of a forward pass.

    Maps of a single pixel have no places, and those inside an encoder that cuts a patch out
    (:class:`ShowsPatches`) have those of the patch: neither counts.

    Raises:
        UsageError: There is none.
    """
    found: list[nn.Module] = []
    convolutions = 0

    def look(layer: nn.Module, _: object, output: object) -> None:
        nonlocal convolutions
        convolutions += isinstance(layer, nn.Conv2d)
        mapped = isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[-2:]) > 1
        if mapped and convolutions >= CONVOLUTIONS:
            found.append(layer)

    handles = [layer.register_forward_hook(look) for layer in _leaves(module)]
    try:
        with torch.no_grad():
            module(image)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise UsageError(
            "grad-cam needs a convolutional feature map, and this detector has none; "
            "take occlusion, which works for every detector"
        )
    return found[-1]


def _leaves(module: nn.Module) -> list[nn.Module]:
    """Modules without children, outside of what reads patches."""
    hidden = {
        id(inner)
        for reader in module.modules()
        if isinstance(reader, ShowsPatches)
        for inner in reader.modules()
    }
    return [
        layer
        for layer in module.modules()
        if id(layer) not in hidden and not any(True for _ in layer.children())
    ]
