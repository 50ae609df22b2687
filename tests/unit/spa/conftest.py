"""The equations of III-E and III-F, written out number by number in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]
Written = tuple[Matrix, Matrix, float]


def _sigmoid(a: Matrix) -> Matrix:
    return 1 / (1 + np.exp(-a))


def _softmax_rows(logits: Matrix) -> Matrix:
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def _similarities(rows: Matrix, columns: Matrix) -> Matrix:
    b = len(rows)
    s = np.empty((b, b))
    for i in range(b):
        for j in range(b):
            lengths = np.sqrt((rows[i] ** 2).sum() * (columns[j] ** 2).sum())
            s[i, j] = (rows[i] * columns[j]).sum() / lengths
    return s


def _weights(rows: Matrix, columns: Matrix, a: Matrix, tau: float, gate: str) -> Matrix:
    """What the cross-entropy takes the logarithm of: row i, softmaxed and gated."""
    s = _similarities(rows, columns) / tau
    if gate == "logits":  # Eq. 7-8
        return _softmax_rows(s * _sigmoid(a))
    return _softmax_rows(s) * _sigmoid(a)  # Eq. 9-10


@pytest.fixture(scope="session")
def written_out() -> Callable[[Tensor, Tensor, Tensor, float, str], Written]:
    """(visual, text, A of the batch, τ, gate) -> weights both ways and L_cmc (Eq. 11-12)."""

    def compute(visual: Tensor, text: Tensor, a: Tensor, tau: float, gate: str) -> Written:
        v, t, own = (x.detach().double().numpy() for x in (visual, text, a))
        v2l = _weights(v, t, own, tau, gate)
        l2v = _weights(t, v, own, tau, gate)
        one_way = [-np.mean([np.log(m[i, i]) for i in range(len(m))]) for m in (v2l, l2v)]
        return v2l, l2v, float(sum(one_way) / 2)

    return compute


@pytest.fixture
def pairs() -> Callable[..., tuple[Tensor, Tensor]]:
    """(B, d, seed) -> visual and text in float64, with gradients."""

    def draw(batch: int = 6, width: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        visual, text = torch.randn(2, batch, width, dtype=torch.float64, generator=generator)
        return visual.requires_grad_(), text.requires_grad_()

    return draw
