"""Embeddings of all processes, for losses over the global batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def world() -> tuple[int, int]:
    """(rank, number of processes); (0, 1) outside of a process group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gather_rows(local: Tensor, *, with_grad: bool = True, keep_own: bool = True) -> Tensor:
    """(B, ...) of each process -> (B · processes, ...) in the order of ranks. All B must be equal.

    Args:
        with_grad: Gradients that other processes' losses give to these rows come back summed.
        keep_own: Without ``with_grad``: put this process's own rows back, which carry gradients.
    """
    rank, processes = world()
    if processes == 1:
        return local
    if with_grad and local.requires_grad:
        gathered: Tensor = _Gather.apply(local)
        return gathered
    parts = _parts(local)
    if keep_own:
        parts[rank] = local
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    """All-gather whose backward adds up what all processes send back."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        ctx.rows = len(local)
        return torch.cat(_parts(local))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # A copy: autograd may hand the same tensor to others. An all-reduce: gloo has no
        # reduce-scatter for every type.
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        start = world()[0] * ctx.rows
        return total[start : start + ctx.rows]


def _parts(local: Tensor) -> list[Tensor]:
    parts = [torch.empty_like(local) for _ in range(world()[1])]
    distributed.all_gather(parts, local.detach().contiguous())
    return parts
