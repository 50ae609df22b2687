import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfclip_spa import PairGate
from mfclip_spa.gate import gated
from mfclip_spa.pairs import Side

FORMS = [{"max_batch": 8}, {"classes": 3}, {"features": 4, "rank": 2}]


def sides(batch: int) -> tuple[Side, Side]:
    prompt = torch.arange(batch) % 3
    image, text = torch.randn(2, batch, 4)
    return Side("image", image, prompt), Side("text", text, prompt)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 8),
    form=st.sampled_from(FORMS),
    gate=st.sampled_from(["logits", "softmax"]),
    per_direction=st.booleans(),
    start=st.floats(0.01, 0.99),
)
def test_any_batch_up_to_the_largest_starts_alike(batch, form, gate, per_direction, start):
    module = PairGate(**form, gate=gate, per_direction=per_direction, initial_gate=start)
    image, text = sides(batch)
    logits = torch.randn(batch, batch)
    result = module.both_ways(logits, logits.T, image, text)
    assert result.v2l.shape == result.l2v.shape == (batch, batch)
    assert result.normalised is (gate == "softmax")
    expected = gated(logits, torch.full((batch, batch), start).logit(), gate)
    torch.testing.assert_close(result.v2l, expected, rtol=0.02, atol=0.02)


@given(batch=st.integers(9, 40))
@settings(max_examples=10, deadline=None)
def test_positional_form_refuses_any_batch_beyond_the_largest(batch):
    with pytest.raises(ValueError, match=f"at most max_batch = 8 pairs, received {batch}"):
        PairGate(8).weights(*sides(batch))


@pytest.mark.parametrize("form", FORMS)
def test_one_a_each_way_is_two_parameters_that_learn_apart(form):
    module = PairGate(**form, per_direction=True)
    image, text = sides(4)
    module.apply_to(torch.ones(4, 4), image, text).sum().backward()
    assert any(p.grad is not None for p in module.pairs.parameters())
    assert all(p.grad is None for p in module.pairs_l2v.parameters())


def test_gate_on_logits_is_a_product_and_on_the_softmax_log_weights():
    logits, weights = torch.randn(2, 3, 5)
    torch.testing.assert_close(gated(logits, weights, "logits"), logits * weights.sigmoid())
    shares = logits.softmax(1) * weights.sigmoid()
    torch.testing.assert_close(gated(logits, weights, "softmax").exp(), shares)


def test_half_precision_weights_act_in_float32():
    assert PairGate(8).bfloat16().weights(*sides(4)).dtype is torch.float32


def test_prints_its_form():
    text = repr(PairGate(8, gate="softmax", per_direction=True))
    assert "gate='softmax', one A each way" in text


@pytest.mark.parametrize("sizes", [{}, {"max_batch": 4, "features": 4}])
def test_needs_one_form(sizes):
    with pytest.raises(ValueError, match="give one of max_batch"):
        PairGate(**sizes)
