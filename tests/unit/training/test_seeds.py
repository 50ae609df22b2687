from __future__ import annotations

import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from mfclip.training.seeds import seed_batch

CPU = torch.device("cpu")


def draws() -> tuple[float, float, float]:
    return torch.rand(1).item(), np.random.rand(), random.random()


def test_the_same_place_draws_the_same_from_every_generator():
    seed_batch(3, 1, 7, CPU)
    first = draws()
    draws()
    seed_batch(3, 1, 7, CPU)
    assert draws() == first


@pytest.mark.parametrize("other", [(4, 1, 7), (3, 2, 7), (3, 1, 8), (3, 7, 1), (2**40, 1, 7)])
def test_another_place_draws_other_numbers_from_every_generator(other):
    seed_batch(3, 1, 7, CPU)
    first = draws()
    seed_batch(*other, CPU)
    assert all(a != b for a, b in zip(first, draws(), strict=True))


def test_neighbouring_batches_are_uncorrelated():
    rows = []
    for batch in range(40):
        seed_batch(0, 0, batch, CPU)
        rows.append(torch.rand(2000))
    correlation = torch.corrcoef(torch.stack(rows)) - torch.eye(40)
    assert correlation.abs().max() < 0.1  # 4.5 standard deviations


def test_a_gpu_in_use_is_seeded_too(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "manual_seed", seeds.append)
    for batch in (7, 7, 8):
        seed_batch(3, 1, batch, torch.device("cuda"))
    seed_batch(3, 1, 7, CPU)
    assert len(seeds) == 3
    assert seeds[0] == seeds[1] != seeds[2]
