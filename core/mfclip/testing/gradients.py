"""Gradients that are looked at and not kept: ``.grad`` stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mfclip.testing.faults import Fault


def projected(outputs: Iterable[Tensor]) -> Tensor:
    """A scalar to which every element contributes with another weight.

    A plain sum would hide what normalisation cancels out, such as the bias before a softmax.
    """
    random = torch.Generator().manual_seed(7)
    total = torch.zeros(())
    for output in outputs:
        if output.is_floating_point():
            weights = torch.randn(output.shape, generator=random).to(output.device)
            total = total + (output.float() * weights).sum()
    return total


def named(what: str, found: Iterable[Tensor | None]) -> dict[str, Tensor]:
    """The gradients that are there, with names for messages."""
    return {f"{what} ({i})": g for i, g in enumerate(found) if g is not None}


def gradients(total: Tensor, wanted: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradient for each tensor; None where ``total`` does not depend on it."""
    if not wanted:
        return []
    if not total.requires_grad:
        raise Fault(
            "the outputs carry no gradient",
            advice="do not compute them under torch.no_grad(), nor from detached tensors",
        )
    return list(torch.autograd.grad(total, wanted, allow_unused=True, retain_graph=True))
