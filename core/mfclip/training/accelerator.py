"""accelerate, set up for a device and left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from mfclip.compute.precision import precision_name
from mfclip.errors import UsageError
from mfclip.ranks.place import process_count
from mfclip.ranks.world import ALONE, Ranks


@contextmanager
def accelerator_on(
    device: torch.device, precision: torch.dtype, ranks: Ranks = ALONE
) -> Iterator[Accelerator]:
    """An accelerator for that device and arithmetic.

    It finds the group of several processes, where there is one, and takes it up.

    Raises
    ------
    UsageError
        Where the process is one of others than ``ranks``, or accelerate is already set up
        otherwise in it.
    """
    refuse_other_processes(ranks)
    ours = not PartialState._shared_state
    on_device = torch.cuda.device(device) if device.type == "cuda" else nullcontext()
    try:
        with on_device:
            yield _make(device, precision)
    finally:
        if ours:
            # accelerate keeps its set-up for the life of the process, so a second training in
            # another precision would be refused.
            AcceleratorState._reset_state(reset_partial_state=True)


def refuse_other_processes(ranks: Ranks) -> None:
    """Raise :class:`UsageError` in a process that was started as one of many and trains alone."""
    count = process_count()
    if count > 1 and ranks.count == 1:
        raise UsageError(
            f"training runs in one process here, and this is one of {count} (WORLD_SIZE={count}): "
            "start it without torchrun or `accelerate launch`; mfclip-build is the command that "
            "trains in several processes"
        )


def _make(device: torch.device, precision: torch.dtype) -> Accelerator:
    mixed = precision_name(precision).replace("fp32", "no")
    try:
        made = Accelerator(mixed_precision=mixed, cpu=device.type == "cpu")
    except ValueError as error:
        raise UsageError(
            "accelerate is already set up in this process for another device or precision than "
            f"{device} with {precision}: {error}"
        ) from error
    if made.device.type != device.type:
        raise UsageError(f"accelerate is set up for {made.device} in this process, not {device}")
    return made
