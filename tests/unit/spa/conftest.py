"""The equations of III-E and III-F, written out number by number in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfclip_spa import SamplePairAttention

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
def written_out() -> Callable[..., Written]:
    """(visual, text, A of the batch, τ, gate) -> weights both ways and L_cmc (Eq. 11-12).

    ``back``: A of the way back, from text to image, where it is another.
    """

    def compute(
        visual: Tensor, text: Tensor, a: Tensor, tau: float, gate: str, back: Tensor | None = None
    ) -> Written:
        back = a if back is None else back
        v, t, there, back = (x.detach().double().numpy() for x in (visual, text, a, back))
        v2l = _weights(v, t, there, tau, gate)
        l2v = _weights(t, v, back, tau, gate)
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


SIZES = {
    "position": {"max_batch": 8},
    "prompt": {"classes": 3},
    "features": {"features": 5, "rank": 2},
}


@pytest.fixture(scope="session")
def attention_of() -> Callable[..., SamplePairAttention]:
    """(form, gate, seed, …) -> for 8 pairs, 3 classes or 5 features; A at random, in float64."""

    def make(
        form: str = "position", gate: str = "logits", seed: int = 0, **options: object
    ) -> SamplePairAttention:
        module = SamplePairAttention(**SIZES[form], gate=gate, **options).double()
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in module.named_parameters():
            if name.startswith("pairs"):
                torch.nn.init.normal_(parameter, generator=generator)
        return module

    return make


@pytest.fixture(scope="session")
def a_both_ways() -> Callable[..., tuple[Tensor, Tensor]]:
    """(attention, visual, text, prompt) -> A there and back, element by element."""

    def look_up(module, visual, text, prompt):
        there, back = module.pairs, module.pairs_l2v or module.pairs
        v, t = (x / (x**2).sum(1, keepdim=True).sqrt() for x in (visual, text))
        places = range(len(v))

        def element(pairs, i, j, images, texts):
            if hasattr(pairs, "constant"):  # a + ⟨P v, Q t⟩, the 1/√r being in P
                return pairs.constant[0] + (images @ pairs.image) @ (texts @ pairs.text)
            if len(pairs.weight) == 8:
                return pairs.weight[i, j]
            return pairs.weight[prompt[i], prompt[j]]

        return (
            torch.stack(
                [torch.stack([element(there, i, j, v[i], t[j]) for j in places]) for i in places]
            ),
            torch.stack(
                [torch.stack([element(back, i, j, v[j], t[i]) for j in places]) for i in places]
            ),
        )

    return look_up
