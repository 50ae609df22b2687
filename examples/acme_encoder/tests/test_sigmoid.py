"""The alignment against the sigmoid loss, written out pair by pair in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from acme_encoder.sigmoid import SigmoidAlignment

B, D = 5, 7
SCALE, BIAS = 3.0, -1.5


@pytest.fixture
def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, B, D, generator=draw, dtype=torch.float64))


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def logit(image: torch.Tensor, text: torch.Tensor) -> float:
    cosine = (image @ text / (image.norm() * text.norm())).item()
    return SCALE * cosine + BIAS


def test_diagonal_is_the_sigmoid_loss(pairs) -> None:
    """L = -1/B Σ_i Σ_j log σ(±z_ij), plus on the diagonal and minus off it."""
    visual, text = pairs
    loss = -sum(
        log_sigmoid((1 if i == j else -1) * logit(visual[i], text[j]))
        for i in range(B)
        for j in range(B)
    )
    found = SigmoidAlignment(SCALE, BIAS).double()(visual, text)
    assert found.normalised
    assert -found.v2l.diagonal().sum().item() == pytest.approx(loss)
    assert -found.l2v.diagonal().sum().item() == pytest.approx(loss)


def test_off_the_diagonal_another_text_is_the_right_one(pairs) -> None:
    visual, text = pairs
    found = SigmoidAlignment(SCALE, BIAS).double()(visual, text)
    row = [log_sigmoid((1 if k == 3 else -1) * logit(visual[1], text[k])) for k in range(B)]
    assert found.v2l[1, 3].item() == pytest.approx(sum(row))
    column = [log_sigmoid((1 if k == 3 else -1) * logit(visual[k], text[1])) for k in range(B)]
    assert found.l2v[1, 3].item() == pytest.approx(sum(column))


def test_copies_of_a_text_are_no_rivals(pairs) -> None:
    visual, text = pairs
    text = text[[0, 0, 2, 3, 3]]
    prompt = torch.tensor([6, 6, 2, 0, 0])
    found = SigmoidAlignment(SCALE, BIAS).double()(visual, text, prompt)
    others = sum(log_sigmoid(-logit(visual[0], text[k])) for k in (2, 3, 4))
    expected = log_sigmoid(logit(visual[0], text[0])) + others
    assert found.v2l[0, 0].item() == pytest.approx(expected)
    assert found.v2l[0, 1].item() == pytest.approx(expected)


def test_half_precision_is_computed_in_single(pairs) -> None:
    visual, text = (x.bfloat16() for x in pairs)
    align = SigmoidAlignment(100.0, BIAS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = align(visual, text)
    torch.testing.assert_close(found.v2l, align(visual.float(), text.float()).v2l)
