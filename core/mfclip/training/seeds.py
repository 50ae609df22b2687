"""Randomness of training as a function of (seed, epoch, batch), so that a resumed run repeats it.

Nothing of a random generator's state has to be kept: whatever else draws numbers in between, a
batch's dropout is the same.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def seed_batch(seed: int, epoch: int, batch: int, device: torch.device, rank: int = 0) -> None:
    """Seed PyTorch on the CPU and on ``device``, NumPy and ``random`` for one batch.

    Each of several processes draws by its ``rank``; the first one's numbers are those of a single
    process.
    """
    words = _words(seed, epoch, batch, rank)
    number = int(words[0]) << 32 | int(words[1])
    # torch.manual_seed would also queue the seed, with a formatted traceback, for every kind of
    # device that is not in use: 2 ms a batch, and memory that is never given back.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(number)
    np.random.seed(words)
    random.seed(words.tobytes())


def common_seed(seed: int, epoch: int, batch: int, count: int) -> int:
    """Of what ``count`` processes draw alike in one batch; apart from what each draws alone."""
    return int(_words(seed, epoch, batch, count)[0])


def _words(*key: int) -> NDArray[Any]:
    # A last 0 changes nothing: rank 0 has the words of (seed, epoch, batch).
    return np.random.SeedSequence(key).generate_state(2, np.uint32)
