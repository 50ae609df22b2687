"""A batch shared out over processes, and its rows brought together again.

Each process computes its rows. Whatever compares rows, alignments and losses, is computed by every
process on the rows of all, so that it gives the same numbers everywhere, those of one process with
the whole batch. For the gradients: of such a number L each process gets count · dL/d(its own rows)
(:func:`gather`), and the mean over the processes (:func:`mfclip.ranks.gradients.average`) is the
sum over all rows. What comes after the gathering, an alignment's own parameters, gets the same
gradient everywhere, and the mean leaves it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mfclip.ranks.world import Ranks


@dataclass(frozen=True)
class Shares:
    """The rows of a batch, one run of them for each process."""

    ranks: Ranks
    rows: int
    """Of the whole batch."""
    seed: int = 0
    """Of what all processes draw alike."""

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each process: as even as can be, more in the first ones."""
        each, more = divmod(self.rows, self.ranks.count)
        return tuple(each + (rank < more) for rank in range(self.ranks.count))

    @cached_property
    def own(self) -> slice:
        """This process's rows; none in a batch with fewer rows than processes."""
        start = sum(self.sizes[: self.ranks.rank])
        return slice(start, start + self.sizes[self.ranks.rank])

    @property
    def present(self) -> bool:
        """Whether this process has rows of its own."""
        return self.sizes[self.ranks.rank] > 0

    @property
    def computed(self) -> slice:
        """What this process computes: its rows; without any the batch's first one, as a stand-in.

        Modules need not take empty batches then. A stand-in counts nowhere.
        """
        return self.own if self.present else slice(0, 1)


_current: ContextVar[Shares | None] = ContextVar("shares", default=None)


@contextmanager
def sharing(shares: Shares) -> Iterator[None]:
    """Within the block, a training step works on this process's rows of a batch."""
    token = _current.set(shares if shares.ranks.count > 1 else None)
    try:
        yield
    finally:
        _current.reset(token)


def gather(rows: Tensor) -> Tensor:
    """(b, ...) of this process -> (B, ...) of the whole batch in its order, with gradients.

    In a training step of several processes; anywhere else it gives ``rows`` itself. Every process
    has to call it, in the same order. The result may only be used for what every process computes
    alike, as losses are.

    Raises
    ------
    ValueError
        Where there is not one row for each image that this process computes.
    """
    shares = _current.get()
    if shares is None:
        return rows
    computed = shares.computed
    if len(rows) != computed.stop - computed.start:
        raise ValueError(
            f"gather takes one row an image; received {tuple(rows.shape)} for "
            f"{computed.stop - computed.start} images of this process"
        )
    gathered: Tensor = _Gather.apply(rows, shares)
    return gathered


def rows_of_all(rows: int) -> int:
    """How many rows :func:`gather` makes of so many."""
    shares = _current.get()
    return rows if shares is None else shares.rows


@contextmanager
def drawing_alike() -> Iterator[None]:
    """Within the block every process draws the same random numbers; after it goes on with its own.

    For what all processes compute on the whole batch. Without sharing nothing changes.
    """
    shares = _current.get()
    if shares is None:
        yield
        return
    on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([torch.cuda.current_device()] if on_gpu else []):
            torch.default_generator.manual_seed(shares.seed)
            if on_gpu:
                torch.cuda.manual_seed(shares.seed)
            np.random.seed(shares.seed % 2**32)
            random.seed(shares.seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


class _Gather(torch.autograd.Function):
    """All-gather of shares of unequal size."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, shares: Shares) -> Tensor:
        ctx.shares, ctx.rows = shares, len(rows)
        own = shares.sizes[shares.ranks.rank]
        padded = rows.new_zeros(max(shares.sizes), *rows.shape[1:])
        padded[:own] = rows[:own]
        parts = shares.ranks.parts(padded)
        return torch.cat([part[:size] for part, size in zip(parts, shares.sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        shares: Shares = ctx.shares
        if not shares.present:
            return gradient.new_zeros(ctx.rows, *gradient.shape[1:]), None
        return gradient[shares.own] * shares.ranks.count, None
