"""Memory that is freed and taken again every step, kept in the process between.

glibc hands large blocks back to the kernel when they are freed, and the kernel clears every page of
them when they are taken again. A training step on a CPU frees and takes hundreds of megabytes: a
fifth of its processor time goes into that (``benchmarks/allocator.py``).
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of ``mallopt``'s parameters, from glibc's ``malloc.h``."""
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed memory; False where it has no such switch (not glibc).

    The process then holds its peak until it ends: about a tenth more in training.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
