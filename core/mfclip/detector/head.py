"""The classification head: X_v to two logits, in the weights' own precision."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.detector.protocols import ParameterGroup

CLASSES = 2


class Head(nn.Linear):
    """One fully connected layer: X_v (B, d) -> logits (B, 2), columns real, fake (Eq. 3).

    It leaves autocast. In bfloat16 a logit has 8 significant bits, so that many images of a test
    set would share one score; the embedding may have been computed in bfloat16, the difference of
    the two logits is not.

    Parameters
    ----------
    width
        d of X_v.
    layer_norm
        Normalise each embedding to mean 0 and variance 1 first, with a learnable scale and shift
        per feature, as the published code does.
    scale
        Multiply each embedding by a learnable factor that starts as this, above 0. None: do not.
    """

    def __init__(self, width: int, *, layer_norm: bool = False, scale: float | None = None) -> None:
        super().__init__(width, CLASSES)
        # A part of the layer, so that a bundle without it keeps the names head.weight, head.bias.
        self.norm = nn.LayerNorm(width) if layer_norm else None
        start = None if scale is None else torch.full((1,), math.log(scale))
        # Its logarithm learns, as CLIP's temperature does, so that the factor stays above 0.
        self.log_scale = None if start is None else nn.Parameter(start)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The factor does not decay: that would draw it to 1."""
        return [] if self.log_scale is None else [ParameterGroup("log_scale", decay=0.0)]

    def forward(self, features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch 2"]:
        """Logits, in the precision of the weights whatever that of the features."""
        with torch.autocast(features.device.type, enabled=False):
            exact = features.to(self.weight.dtype)
            if self.log_scale is not None:
                exact = exact * self.log_scale.exp()
            return super().forward(exact if self.norm is None else self.norm(exact))

    @classmethod
    def like(cls, layer: nn.Linear) -> Head:
        """A head that shares the parameters of a plain layer of two outputs."""
        with torch.device("meta"):
            head = cls(layer.in_features)
        head.weight = layer.weight
        head.bias = layer.bias
        return head.train(layer.training)
