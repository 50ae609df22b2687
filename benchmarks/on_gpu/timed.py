"""Seconds of a call that is made again and again, and the device's memory meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from timing import wait_for_gpu

BLOCKS = 3
"""The fastest of so many counts, since others may use the machine."""


class Timed(NamedTuple):
    """What repeated calls came to."""

    seconds: float
    """Of one call."""
    mebibytes: float | None
    """Most memory that PyTorch held on the GPU; None on a CPU."""


def timed(way: Callable[[], object], device: torch.device, seconds: float) -> Timed:
    """Repeat for about ``seconds`` after two calls to warm up."""
    if device.type != "cuda":
        return Timed(seconds_per_call(way, seconds), None)
    torch.cuda.reset_peak_memory_stats(device)
    taken = seconds_per_call(way, seconds)
    return Timed(taken, torch.cuda.max_memory_allocated(device) / 2**20)


def seconds_per_call(way: Callable[[], object], seconds: float) -> float:
    """Calls follow each other without waiting for the device, as work in bulk does."""
    for _ in range(2):
        way()
    once = _block(way, 1)
    calls = max(1, int(seconds / BLOCKS / max(once, 1e-6)))
    return min(_block(way, calls) / calls for _ in range(BLOCKS))


def _block(way: Callable[[], object], calls: int) -> float:
    wait_for_gpu()
    start = time.perf_counter()
    for _ in range(calls):
        way()
    wait_for_gpu()
    return time.perf_counter() - start
