"""A of Eq. 7-10: one learnable weight for each pair of samples, before the sigmoid.

Both forms start from a constant. σ(A) = 0.5, the default, is where the sigmoid is steepest, so a
pair is raised or lowered with equal ease, and it is also where weight decay pulls A. The price is
that the logits start at half their size, which the learnable temperature can make good. Attached
to a model that is already trained, a start near 1 (0.98) leaves the model's own similarities
almost as they were, at the price of a gradient 13 times smaller.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PositionPairs(nn.Module):
    """A indexed by the places of the two samples in the batch: the paper's form.

    Under a shuffled loader a place says nothing about the sample, so all that A can learn is the
    diagonal (the true pairs) against the rest. A batch smaller than ``max_batch`` uses the
    leading corner of A.
    """

    def __init__(self, max_batch: int, start: float = 0.5) -> None:
        super().__init__()
        self.weight = _constant(max_batch, "max_batch", start)

    def forward(self, batch: int, prompt: Tensor | None) -> Tensor:
        """A for the pairs of one batch: (B, B). ``prompt`` is not read.

        Raises:
            ValueError: the batch is larger than A.
        """
        size = self.weight.shape[0]
        if batch > size:
            raise ValueError(
                f"this attention weighs at most max_batch = {size} pairs, received {batch}; "
                "make it with a larger max_batch, or index it by prompt class"
            )
        return self.weight[:batch, :batch]


class PromptPairs(nn.Module):
    """A indexed by the prompt classes of the two samples: A[class of i, class of j].

    Any batch size. A[c, c] weighs the true pairs together with the pairs of other samples of the
    same class, the relevant negatives; A[c, c'] weighs how far two classes are told apart.
    """

    def __init__(self, classes: int, start: float = 0.5) -> None:
        super().__init__()
        self.weight = _constant(classes, "classes", start)

    def forward(self, batch: int, prompt: Tensor | None) -> Tensor:
        """A for the pairs of one batch: (B, B). ``prompt`` is (B,), integers below ``classes``.

        Raises:
            ValueError: there is no prompt, or it is not one class a pair.
        """
        if prompt is None:
            raise ValueError("this attention is indexed by prompt class: pass prompt, shape (B,)")
        if prompt.shape != (batch,):
            raise ValueError(
                f"prompt must hold one class a pair, shape ({batch},); "
                f"received {tuple(prompt.shape)}"
            )
        return self.weight[prompt[:, None], prompt[None, :]]


def _constant(size: int, name: str, start: float) -> nn.Parameter:
    """A square of weights a with σ(a) = ``start``."""
    if size < 1:
        raise ValueError(f"{name} must be at least 1, received {size}")
    if not 0 < start < 1:
        raise ValueError(f"initial_gate must lie between 0 and 1, both excluded; received {start}")
    return nn.Parameter(torch.full((size, size), math.log(start) - math.log1p(-start)))
