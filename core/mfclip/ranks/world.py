"""The processes of one training as a group, and what they do together.

Everything that waits for another process goes through :func:`_together`, so that one that ends, or
that does not come in time, is one clear error in those that are left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from mfclip.compute.cores import MAX_WORKERS, cores
from mfclip.compute.devices import choose_device
from mfclip.errors import TrainingError, UsageError
from mfclip.ranks.place import WAIT, Place, seconds_to_wait

ENDED = "mfclip/ended"
"""Key of the store that counts the processes that ended with an error."""

Item = TypeVar("Item")


class LostRanksError(TrainingError):
    """Another process of the training ended or did not answer in time."""


@dataclass(frozen=True)
class Ranks:
    """The processes that train together; :data:`ALONE` stands for a single one."""

    place: Place = field(default_factory=Place)
    store: Any = field(default=None, compare=False)
    """The ``torch.distributed.Store`` that they met in."""

    @property
    def rank(self) -> int:
        """Of this process, from 0."""
        return self.place.rank

    @property
    def count(self) -> int:
        """Of processes."""
        return self.place.count

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def meet(self) -> None:
        """Wait for all. Raises :class:`LostRanksError`, as everything here that waits."""
        if self.count > 1:
            self.total(torch.ones(1))

    @contextmanager
    def lead_first(self) -> Iterator[None]:
        """The first process goes through the block, then the others do, all at once."""
        if not self.leads:
            self.meet()
        yield
        if self.leads:
            self.meet()

    def turns(self, items: Sequence[Item]) -> Sequence[Item]:
        """Every ``count``-th one, from this process's on: each item falls to one process."""
        return items[self.rank :: self.count]

    def workers(self, asked: int | None) -> int | None:
        """Processes that decode for this one: as asked, else its share of the machine's cores.

        None leaves the number to the loader, where there is one process.
        """
        if asked is not None or self.count == 1:
            return asked
        return max(1, min(MAX_WORKERS, cores() // self.place.local_count))

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes; ``tensor`` stays as it is."""
        return self._reduced(tensor, distributed.ReduceOp.SUM)

    def largest(self, tensor: Tensor) -> Tensor:
        """The maximum over all processes; ``tensor`` stays as it is."""
        return self._reduced(tensor, distributed.ReduceOp.MAX)

    def parts(self, tensor: Tensor) -> list[Tensor]:
        """What every process gives, in their order; all of one shape and type."""
        if self.count == 1:
            return [tensor]
        # As bytes: not every backend carries every type.
        sent = tensor.detach().contiguous().view(torch.uint8)
        received = [torch.empty_like(sent) for _ in range(self.count)]
        with _together(self):
            distributed.all_gather(received, sent)
        return [part.view(tensor.dtype) for part in received]

    def speaks_first(self) -> bool:
        """Whether this is the first process that ends with an error, and so the one to tell it."""
        if self.store is None:
            return self.leads
        try:
            return bool(self.store.add(ENDED, 1) == 1)
        except RuntimeError:  # it has gone with the process that held it
            return True

    def _reduced(self, tensor: Tensor, by: Any) -> Tensor:
        reduced = tensor.detach().clone(memory_format=torch.contiguous_format)
        if self.count > 1:
            with _together(self):
                distributed.all_reduce(reduced, by)
        return reduced


ALONE = Ranks()
"""One process, which waits for nobody."""


@contextmanager
def joined(place: Place, device: torch.device) -> Iterator[Ranks]:
    """The group of all processes, on the CPU over gloo and beside it on GPUs over nccl.

    Raises
    ------
    LostRanksError
        Where not all processes come within the time that ``MFCLIP_RANKS_WAIT`` says.
    """
    if place.count == 1:
        yield ALONE
        return
    limit = timedelta(seconds=seconds_to_wait())
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _together(Ranks(place)):
        store, _, _ = next(rendezvous("env://", place.rank, place.count, timeout=limit))
        distributed.init_process_group(
            backend, store=store, rank=place.rank, world_size=place.count, timeout=limit
        )
    yield Ranks(place, store)
    # Not after an error: the others may be gone, and ending the process ends its connections.
    distributed.destroy_process_group()


def device_of(name: str, place: Place) -> torch.device:
    """The device of this process: the CPU, or the GPU of its number on this machine.

    Raises
    ------
    UsageError
        As :func:`mfclip.compute.devices.choose_device`; where one GPU is named for several
        processes, or there are fewer GPUs than processes.
    """
    if place.count == 1:
        return choose_device(name)
    if ":" in name:
        raise UsageError(
            f"device {name!r} is one GPU, and each of {place.count} processes takes one of its "
            "own; use --device cuda, and CUDA_VISIBLE_DEVICES to choose among GPUs"
        )
    device = choose_device(name)
    if device.type == "cpu":
        return device
    there = torch.cuda.device_count()
    if there < place.local_count:
        raise UsageError(
            f"this machine has {there} GPUs for {place.local_count} processes; start as many "
            "processes as it has GPUs (torchrun --nproc-per-node gpu), or use --device cpu"
        )
    return torch.device("cuda", place.local_rank)


@contextmanager
def _together(ranks: Ranks) -> Iterator[None]:
    """Errors of a collective call as :class:`LostRanksError`."""
    try:
        yield
    except RuntimeError as error:
        where = f"process {ranks.rank} of {ranks.count}"
        raise LostRanksError(
            f"{where} lost the others: one of them ended, or did not answer within "
            f"{seconds_to_wait():g} s ({' '.join(str(error).split())[:200]}). If none had ended, "
            f"set {WAIT} to more seconds. The last checkpoint is intact: go on with --resume"
        ) from error
