"""Which of several processes this one is; torchrun and ``accelerate launch`` say it. No torch."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from mfclip.errors import UsageError

WAIT = "MFCLIP_RANKS_WAIT"
"""Environment variable: seconds that a process waits for the others before it gives up."""
DEFAULT_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """One of ``count`` processes."""

    rank: int = 0
    """From 0; the first one writes and speaks."""
    count: int = 1
    local_rank: int = 0
    """Among the processes of this machine, from 0."""
    local_count: int = 1


def place_of_process(environment: Mapping[str, str] = os.environ) -> Place:
    """From ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK`` and ``LOCAL_WORLD_SIZE``.

    Without the two ``LOCAL_`` ones all processes are taken to be on one machine.

    Raises
    ------
    UsageError
        Where ``WORLD_SIZE`` is above 1 and the others do not fit it.
    """
    count = process_count(environment)
    if count == 1:
        return Place()
    rank = _number(environment, "RANK", None)
    local_count = _number(environment, "LOCAL_WORLD_SIZE", count)
    local_rank = _number(environment, "LOCAL_RANK", rank)
    if not (0 <= rank < count and 0 <= local_rank < local_count <= count):
        raise UsageError(
            f"the environment names process RANK={rank} of WORLD_SIZE={count}, and "
            f"LOCAL_RANK={local_rank} of LOCAL_WORLD_SIZE={local_count} on this machine, which "
            "cannot be: start the processes with torchrun or `accelerate launch`"
        )
    return Place(rank, count, local_rank, local_count)


def process_count(environment: Mapping[str, str] = os.environ) -> int:
    """What ``WORLD_SIZE`` says; 1 without it. Raises :class:`UsageError` where it is no number."""
    return _number(environment, "WORLD_SIZE", 1)


def seconds_to_wait(environment: Mapping[str, str] = os.environ) -> float:
    """What :data:`WAIT` says. Raises :class:`UsageError` where that is no number above 0."""
    text = environment.get(WAIT, "")
    try:
        seconds = float(text) if text else DEFAULT_WAIT
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"the environment variable {WAIT} is {text!r}; allowed: seconds, above 0")
    return seconds


def _number(environment: Mapping[str, str], name: str, default: int | None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise UsageError(
            f"the environment variable {name} is {text!r}, which is no number: where WORLD_SIZE is "
            "set, start the processes with torchrun or `accelerate launch`, which set them all"
        )
    return int(text)
