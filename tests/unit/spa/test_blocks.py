import math

import pytest
import torch
from torch import Tensor

from mfclip_spa import PairGate
from mfclip_spa.blocks import Direction, refuse_two_directions, sigmoid_loss, softmax_loss
from mfclip_spa.pairs import Side

GATES = ["logits", "softmax"]
BIAS = -2.5


def draw(rows: int = 3, columns: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits, weights = torch.randn(2, rows, columns, dtype=torch.float64, generator=generator)
    return (4 * logits).requires_grad_(), weights.requires_grad_()


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def siglip(logits: Tensor, weights: Tensor | None, first: int, gate: str, bias: float) -> float:
    """−Σ log p of what is so, pair by pair."""
    total = 0.0
    for i in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            s = logits[i, j].item()
            opening = 1.0 if weights is None else sigma(weights[i, j].item())
            p = sigma(s * opening + bias) if gate == "logits" else sigma(s + bias) * opening
            total -= math.log(p if j == i + first else 1 - p)
    return total


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("bias", [0.0, BIAS])
def test_sigmoid_loss_equals_the_formula_pair_by_pair(gate, first, bias):
    logits, weights = draw()
    answers = torch.arange(first, first + 3)
    outside = torch.tensor(bias) if bias else None
    loss = sigmoid_loss(logits, weights, answers, gate, outside)
    assert loss.item() == pytest.approx(siglip(logits, weights, first, gate, bias), rel=1e-6)
    plain = sigmoid_loss(logits, None, answers, gate, outside)
    assert plain.item() == pytest.approx(siglip(logits, None, first, "logits", bias), rel=1e-6)


@pytest.mark.parametrize("gate", GATES)
def test_sigmoid_loss_has_the_gradients_of_finite_differences(gate):
    bias = torch.tensor(BIAS, dtype=torch.float64, requires_grad=True)

    def loss(logits: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        return sigmoid_loss(logits, weights, torch.arange(3), gate, bias)

    assert torch.autograd.gradcheck(loss, (*draw(), bias))


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("a", [-300.0, 300.0])
@pytest.mark.parametrize("s", [-300.0, 300.0])
def test_sigmoid_loss_stays_finite_at_the_extremes(gate, s, a):
    logits = torch.full((2, 2), s, requires_grad=True)
    weights = torch.full((2, 2), a, requires_grad=True)
    loss = sigmoid_loss(logits, weights, torch.arange(2), gate, torch.tensor(BIAS))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    assert weights.grad.isfinite().all()


def test_sigmoid_gate_on_the_probability_teaches_all_of_a():
    logits, weights = draw()
    sigmoid_loss(logits, weights, torch.arange(3), "softmax").backward()
    right = torch.eye(3, 5, dtype=torch.bool)
    assert (weights.grad[right] < 0).all()  # descent opens true pairs
    assert (weights.grad[~right] > 0).all()  # and closes the others


def test_a_closed_gate_leaves_a_pair_at_the_bias_and_not_above():
    logits, weights = torch.full((1, 1), 5.0), torch.full((1, 1), -60.0)
    loss = sigmoid_loss(logits, weights, torch.tensor([0]), "logits", torch.tensor(BIAS))
    assert math.exp(-loss) == pytest.approx(sigma(BIAS))


@pytest.mark.parametrize("gate", GATES)
def test_softmax_loss_equals_the_formula_row_by_row(gate):
    logits, weights = draw()
    total = 0.0
    for i in range(3):
        row = [(s.item(), sigma(a.item())) for s, a in zip(logits[i], weights[i], strict=True)]
        powers = [math.exp(s * o if gate == "logits" else s) for s, o in row]
        share = powers[i + 2] / sum(powers)
        total -= math.log(share if gate == "logits" else share * row[i + 2][1])
    loss = softmax_loss(logits, weights, torch.arange(2, 5), gate)
    assert loss.item() == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.parametrize("gate", GATES)
def test_some_rows_of_a_larger_batch(gate, kind):
    """What one of three processes computes: rows 2-3 of 6, and their place in A."""
    module = PairGate(6, gate=gate).double()
    torch.nn.init.normal_(module.pairs.weight)
    image, text = torch.randn(2, 6, 4, dtype=torch.float64)
    scale = torch.tensor(3.0)
    shares = [
        Direction(Side("image", image[i : i + 2], start=i), Side("text", text), scale, module, kind)
        for i in (0, 2, 4)
    ]
    whole = Direction(Side("image", image), Side("text", text), scale, module, kind)
    mean = sum(share.loss(chunk) for share, chunk in zip(shares, (None, 1, 2), strict=True)) / 3
    torch.testing.assert_close(mean, whole.loss())


def test_a_sigmoid_loss_has_no_two_directions():
    refuse_two_directions(PairGate(4))
    with pytest.raises(ValueError, match="make the gate without per_direction"):
        refuse_two_directions(PairGate(4, per_direction=True))
