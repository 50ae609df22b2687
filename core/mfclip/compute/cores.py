"""How many cores there are to compute on. No torch."""

from __future__ import annotations

import os

MAX_WORKERS = 8
"""Processes that decode for one that computes, unless a number is asked for."""


def cores() -> int:
    """Cores that this process may use: those of a container or a ``taskset``, not the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
