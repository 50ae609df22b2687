"""What is read of a block's tokens."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Pool = Literal["class", "patches", "both"]
"""The class token, the mean of the patches' tokens, or the one and then the other."""


def vectors(
    tokens: Float[Tensor, "batch tokens width"], pool: Pool, l2: bool
) -> list[Float[Tensor, "batch width"]]:
    """One vector or two of an image, each of length 1 where ``l2`` says so.

    ``tokens``: the class token first, as a block gives them.
    """
    found = []
    if pool != "patches":
        found.append(tokens[:, 0])
    if pool != "class":
        found.append(tokens[:, 1:].mean(1))
    return [functional.normalize(one, dim=1) for one in found] if l2 else found
