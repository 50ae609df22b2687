"""Whitening against the covariance by numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfclip_vision import whitening
from mfclip_vision.whitening import Kept, Whitening


def cells_far_apart(count: int = 300, length: int = 20):
    """Vectors of four cells, each direction with a variance of its own."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 4, count)
    turned = np.linalg.qr(random.normal(size=(length, length)))[0]
    spread = np.geomspace(10, 0.1, length)
    vectors = (random.normal(size=(count, length)) * spread) @ turned
    vectors += random.normal(0, 8, (4, length))[cells]
    return torch.tensor(vectors, dtype=torch.float32), torch.tensor(cells)


def covariance(vectors, cells):
    """Inside the cells."""
    rest = np.asarray(vectors, np.float64)
    which = np.asarray(cells)
    rest = np.concatenate([rest[which == c] - rest[which == c].mean(0) for c in set(which)])
    return rest.T @ rest / len(rest)


@pytest.mark.parametrize("k", [1, 5, 19])
def test_the_strongest_directions_are_as_strong_as_the_last(k: int) -> None:
    vectors, cells = cells_far_apart()
    part = Whitening(20, k)
    part.fit(vectors, cells)
    before = np.linalg.eigvalsh(covariance(vectors, cells))[::-1]
    after = np.linalg.eigvalsh(covariance(part(vectors), cells))[::-1] / float(part.scale) ** 2
    expected = np.concatenate([np.full(k, before[k - 1]), before[k:]])
    np.testing.assert_allclose(after, expected, rtol=1e-4)


def test_it_is_the_formula_and_keeps_the_mean_square() -> None:
    vectors, cells = cells_far_apart()
    part = Whitening(20, 6)
    part.fit(vectors, cells)
    values, columns = np.linalg.eigh(covariance(vectors, cells))
    values, columns = values[::-1], columns[:, ::-1]
    gain = np.ones(20)
    gain[:6] = np.sqrt(values[5] / values[:6])
    exact = vectors.double().numpy() @ (columns * gain) @ columns.T
    exact *= np.sqrt((vectors.double().numpy() ** 2).mean() / (exact**2).mean())
    np.testing.assert_allclose(part(vectors), exact, rtol=1e-3, atol=1e-3)


def test_fewer_vectors_than_directions_give_as_many_as_there_are() -> None:
    vectors, cells = cells_far_apart(count=6)
    part = Whitening(20, 12)
    part.fit(vectors, cells)
    assert part(vectors).isfinite().all()
    assert (part.directions.norm(dim=1) > 0.99).sum() == 6 - len(cells.unique())


def test_vectors_that_are_all_alike_stay() -> None:
    vectors = torch.full((5, 4), 2.0)
    part = Whitening(4, 2)
    part.fit(vectors, torch.zeros(5, dtype=torch.int64))
    torch.testing.assert_close(part(vectors), vectors)


def test_of_many_vectors_each_is_as_likely_to_be_kept(monkeypatch) -> None:
    monkeypatch.setattr(whitening, "MOST", 50)
    kept = Kept()
    numbers = torch.arange(1000.0)
    for some in numbers.split(30):
        whole = some.long()
        kept.add(some[:, None], whole % 2, whole % 3)
    assert kept.vectors.shape == (50, 1)
    found = kept.vectors[:, 0]
    assert len(found.unique()) == 50
    assert kept.cells.tolist() == (2 * (found.long() % 3) + found.long() % 2).tolist()
    assert 350 < float(found.mean()) < 650
