"""The mean of all processes' gradients, and whether they hold the same weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from mfclip.errors import TrainingError
from mfclip.ranks.world import Ranks

BUCKET = 2**24
"""Numbers that are sent together: 64 MiB of float32."""


def average(parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
    """Give each parameter the mean of all processes' gradients; none where no process has one."""
    trained = list(parameters)
    if ranks.count == 1 or not trained:
        return
    own = torch.tensor([one.grad is not None for one in trained], dtype=torch.uint8)
    there = ranks.largest(own).tolist()
    for bucket in _buckets(p for p, found in zip(trained, there, strict=True) if found):
        given = [p.grad if p.grad is not None else torch.zeros_like(p) for p in bucket]
        mean = ranks.total(torch.cat([one.reshape(-1) for one in given])) / ranks.count
        parts = torch.split(mean, [one.numel() for one in given])
        for parameter, part in zip(bucket, parts, strict=True):
            # As the parameter lies in memory: the fused optimiser wants both alike.
            parameter.grad = torch.empty_like(parameter).copy_(part.view_as(parameter))


def require_alike(tensors: Mapping[str, Tensor], ranks: Ranks, when: str) -> None:
    """Raise :class:`TrainingError` where a tensor differs between processes; names the first."""
    if ranks.count == 1 or not tensors:
        return
    moments = torch.stack([_moments(one) for one in tensors.values()]).cpu()
    parts = ranks.parts(moments)
    same = torch.stack([torch.isclose(one, parts[0], 1e-7, 0, equal_nan=True) for one in parts])
    differ = [
        name for name, fits in zip(tensors, same.all(0).all(1).tolist(), strict=True) if not fits
    ]
    if differ:
        raise TrainingError(
            f"{when} {len(differ)} tensors differ between the {ranks.count} processes, the first "
            f"is {differ[0]!r}: the part that holds it keeps numbers of its rows of a batch, or "
            "was not made alike. Train in one process, or have the part bring rows together with "
            "mfclip.ranks.shares.gather"
        )


def _moments(tensor: Tensor) -> Tensor:
    """Two numbers that tell tensors apart, (2,): their sum and that of their squares."""
    wide = tensor.detach().double()
    return torch.stack([wide.sum(), wide.square().sum()])


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Runs of parameters of one type and device, not much more than :data:`BUCKET` numbers each."""
    kinds: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for one in parameters:
        bucket = kinds.setdefault((one.dtype, one.device), [])
        bucket.append(one)
        if sum(inside.numel() for inside in bucket) >= BUCKET:
            yield kinds.pop((one.dtype, one.device))
    yield from kinds.values()
