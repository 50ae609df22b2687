"""Randomness of training as a function of (seed, epoch, batch), so that a resumed run repeats it.

Nothing of a random generator's state has to be kept: whatever else draws numbers in between, a
batch's dropout is the same.
"""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_batch(seed: int, epoch: int, batch: int) -> None:
    """Seed PyTorch (every device), NumPy and ``random`` for one batch."""
    words = np.random.SeedSequence((seed, epoch, batch)).generate_state(2, np.uint32)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(words)
    random.seed(words.tobytes())
