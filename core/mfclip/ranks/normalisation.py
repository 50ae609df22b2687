"""Batch normalisation by the statistics of the whole batch, wherever its rows are.

``torch.nn.SyncBatchNorm`` runs on GPUs alone and takes the place of modules, whose types scoring
looks at when it folds them. Here the function that every kind of layer calls is taken over while a
step runs, so modules stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from mfclip.ranks.shares import Shares


class NormalisesTogether(TorchFunctionMode):
    """Within the block, ``batch_norm`` in training mode works on the rows of all processes."""

    def __init__(self, shares: Shares) -> None:
        super().__init__()
        self.shares = shares

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Every call of torch's functions comes through here."""
        if function is functional.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return functional.batch_norm(
                x, running_mean, running_var, weight, bias, training, momentum, eps
            )
        normalised, mean, variance, count = _Normalise.apply(x, eps, self.shares)
        if running_mean is not None and running_var is not None:
            unbiased = variance * count / (count - 1)
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
        shape = _channels(x)
        y: Tensor = normalised if weight is None else normalised * weight.view(shape)
        y = y if bias is None else y + bias.view(shape)
        return y.to(x.dtype)


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) of each channel, in float32 at least.

    Gives beside it mean, biased variance, both (C,), and how many values each is of.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, eps: float, shares: Shares
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        over, shape = _others(x), _channels(x)
        sums = wide.sum(over)
        own = sums.new_full((1,), wide.numel() / len(sums))
        sums = _total(torch.cat([sums, own]), shares)
        sums, count = sums[:-1], sums[-1:]
        if shares.rows == 1 and wide.numel() == len(sums):
            raise ValueError(
                f"expected more than 1 value per channel when training, got {tuple(x.shape)}"
            )
        mean = sums / count
        variance = _total((wide - mean.view(shape)).square().sum(over), shares) / count
        inverse = (variance + eps).rsqrt()
        normalised = (wide - mean.view(shape)) * inverse.view(shape)
        ctx.save_for_backward(normalised, inverse, count)
        ctx.shares, ctx.dtype = shares, x.dtype
        ctx.mark_non_differentiable(mean, variance, count)
        return normalised, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None, None]:
        normalised, inverse, count = ctx.saved_tensors
        over, shape = _others(gradient), _channels(gradient)
        own = torch.stack([gradient.sum(over), (gradient * normalised).sum(over)])
        plain, along = (_total(own, ctx.shares) / count).unbind()
        given = gradient - plain.view(shape) - normalised * along.view(shape)
        given = given * inverse.view(shape)
        if not ctx.shares.present:  # a stand-in's values are in no mean
            given = torch.zeros_like(given)
        return given.to(ctx.dtype), None, None


def _total(own: Tensor, shares: Shares) -> Tensor:
    """The sum over the processes that have rows."""
    return shares.ranks.total(own if shares.present else torch.zeros_like(own))


def _others(x: Tensor) -> tuple[int, ...]:
    """All dimensions but the channels'."""
    return (0, *range(2, x.ndim))


def _channels(x: Tensor) -> tuple[int, ...]:
    """Shape in which one number a channel is broadcast over ``x``."""
    return (1, -1, *(1 for _ in range(x.ndim - 2)))
