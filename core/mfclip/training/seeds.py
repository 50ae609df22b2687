"""Randomness of training as a function of (seed, epoch, batch), so that a resumed run repeats it.

Nothing of a random generator's state has to be kept: whatever else draws numbers in between, a
batch's dropout is the same.
"""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_batch(seed: int, epoch: int, batch: int, device: torch.device) -> None:
    """Seed PyTorch on the CPU and on ``device``, NumPy and ``random`` for one batch."""
    words = np.random.SeedSequence((seed, epoch, batch)).generate_state(2, np.uint32)
    number = int(words[0]) << 32 | int(words[1])
    # torch.manual_seed would also queue the seed, with a formatted traceback, for every kind of
    # device that is not in use: 2 ms a batch, and memory that is never given back.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(number)
    np.random.seed(words)
    random.seed(words.tobytes())
