"""Independent random streams, one for each purpose, all derived from the sample's seed."""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np

Key: TypeAlias = tuple[int, ...]
"""Non-negative integers that name one person, one photo or one picture."""


def stream(key: Key, purpose: str) -> np.random.Generator:
    """The generator for one purpose of one key.

    Purposes do not share a stream, so drawing another haircut leaves the background as it was:
    that is what makes a local edit local.
    """
    words = (*key, zlib.crc32(purpose.encode()))
    return np.random.default_rng(np.random.SeedSequence(words))
