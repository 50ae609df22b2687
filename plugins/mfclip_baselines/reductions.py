"""Means over some of the values."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Float[Tensor, ""]:
    """Mean of the values that the mask, of the same shape, names; 0 where it names none."""
    return (values * mask).sum() / mask.sum().clamp(min=1)
