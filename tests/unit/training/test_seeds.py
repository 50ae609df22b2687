from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mfclip.training.seeds import seed_batch


def draws() -> tuple[float, float, float]:
    return torch.rand(1).item(), np.random.rand(), random.random()


def test_the_same_place_draws_the_same_from_every_generator():
    seed_batch(3, 1, 7)
    first = draws()
    draws()
    seed_batch(3, 1, 7)
    assert draws() == first


@pytest.mark.parametrize("other", [(4, 1, 7), (3, 2, 7), (3, 1, 8), (3, 7, 1), (2**40, 1, 7)])
def test_another_place_draws_other_numbers_from_every_generator(other):
    seed_batch(3, 1, 7)
    first = draws()
    seed_batch(*other)
    assert all(a != b for a, b in zip(first, draws(), strict=True))


def test_neighbouring_batches_are_uncorrelated():
    rows = []
    for batch in range(40):
        seed_batch(0, 0, batch)
        rows.append(torch.rand(2000))
    correlation = torch.corrcoef(torch.stack(rows)) - torch.eye(40)
    assert correlation.abs().max() < 0.1  # 4.5 standard deviations
