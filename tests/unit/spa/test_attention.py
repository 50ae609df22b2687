import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mfclip_spa import InfoNCE, SamplePairAttention, contrastive_loss

GATES = ["logits", "softmax"]
PROMPT = torch.tensor([0, 2, 1, 2, 0, 1])


FORMS = ["position", "prompt", "features"]


def as_weights(matrix: Tensor, normalised: bool) -> np.ndarray:
    logs = matrix if normalised else matrix.log_softmax(-1)
    return logs.exp().detach().numpy()


@pytest.mark.parametrize("batch", [1, 4, 6])
@pytest.mark.parametrize("per_direction", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gate", GATES)
def test_equals_the_equations_written_out(
    gate, form, per_direction, batch, pairs, written_out, attention_of, a_both_ways
):
    visual, text = pairs(batch)
    module = attention_of(form, gate, per_direction=per_direction)
    result = module(visual, text, PROMPT[:batch])
    there, back = a_both_ways(module, visual, text, PROMPT)
    v2l, l2v, loss = written_out(visual, text, there, 0.07, gate, back)
    np.testing.assert_allclose(as_weights(result.v2l, result.normalised), v2l, rtol=1e-6)
    np.testing.assert_allclose(as_weights(result.l2v, result.normalised), l2v, rtol=1e-6)
    np.testing.assert_allclose(contrastive_loss(result).item(), loss, rtol=1e-6)


@pytest.mark.parametrize("per_direction", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gate", GATES)
def test_gradients_are_those_of_finite_differences(gate, form, per_direction, pairs, attention_of):
    module = attention_of(form, gate, per_direction=per_direction)

    def loss(visual: Tensor, text: Tensor, *_: Tensor) -> Tensor:
        return contrastive_loss(module(visual, text, PROMPT[:4]))

    inputs = (*pairs(4), *module.parameters())  # changed in place, one number at a time
    assert torch.autograd.gradcheck(loss, inputs)


def test_infonce_is_the_gate_fully_open(pairs, attention_of):
    visual, text = pairs()
    module = attention_of()
    module.pairs.weight.data.fill_(60)
    ungated = InfoNCE().double()(visual, text)
    gated = module(visual, text)
    torch.testing.assert_close(gated.v2l, ungated.v2l)
    torch.testing.assert_close(gated.l2v, ungated.l2v)
    assert not gated.normalised
    assert not ungated.normalised


def test_infonce_equals_the_equations_written_out(pairs, written_out):
    visual, text = pairs()
    result = InfoNCE(0.2).double()(visual, text)
    v2l, l2v, loss = written_out(visual, text, torch.full((6, 6), 60.0), 0.2, "logits")
    np.testing.assert_allclose(as_weights(result.v2l, False), v2l, rtol=1e-6)
    np.testing.assert_allclose(as_weights(result.l2v, False), l2v, rtol=1e-6)
    np.testing.assert_allclose(contrastive_loss(result).item(), loss, rtol=1e-6)


def test_gate_on_logits_teaches_every_element_of_a(pairs, attention_of):
    module = attention_of()
    contrastive_loss(module(*pairs(8))).backward()
    assert (module.pairs.weight.grad != 0).all()


def test_gate_on_softmax_teaches_the_diagonal_only(pairs, attention_of):
    module = attention_of(gate="softmax")
    contrastive_loss(module(*pairs(8))).backward()
    gradient = module.pairs.weight.grad
    diagonal = torch.eye(8, dtype=torch.bool)
    assert (gradient[~diagonal] == 0).all()
    assert (gradient[diagonal] < 0).all()  # descent opens the gate, whatever the features


def test_gate_on_softmax_gives_the_encoders_what_infonce_gives(pairs, attention_of):
    gated, plain = pairs(), pairs()
    contrastive_loss(attention_of(gate="softmax")(*gated)).backward()
    contrastive_loss(InfoNCE().double()(*plain)).backward()
    for mine, theirs in zip(gated, plain, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)


def test_partial_batch_uses_and_teaches_the_leading_corner(pairs, attention_of):
    module = attention_of()
    contrastive_loss(module(*pairs(3))).backward()
    gradient = module.pairs.weight.grad
    assert (gradient[:3, :3] != 0).all()
    assert gradient[3:].abs().sum() == 0
    assert gradient[:, 3:].abs().sum() == 0


def test_a_is_not_transposed_between_the_directions(pairs, attention_of):
    """Row i, column j takes A[i, j] both ways: Eq. 8 as it is written."""
    visual, text = pairs(4)
    module = attention_of()
    module.pairs.weight.data.fill_(60)
    module.pairs.weight.data[0, 3] = -60
    result = module(visual, text)
    closed_v2l, closed_l2v = result.v2l.abs() < 1e-9, result.l2v.abs() < 1e-9
    assert closed_v2l.nonzero().tolist() == [[0, 3]]
    assert closed_l2v.nonzero().tolist() == [[0, 3]]


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(range(6)),
    form=st.sampled_from(["prompt", "features"]),
    gate=st.sampled_from(GATES),
    per_direction=st.booleans(),
    seed=st.integers(0, 99),
)
def test_order_of_pairs_does_not_matter_but_to_the_positional_form(
    order, form, gate, per_direction, seed, attention_of
):
    module = attention_of(form, gate, seed, per_direction=per_direction)
    generator = torch.Generator().manual_seed(seed)
    visual, text = torch.randn(2, 6, 5, dtype=torch.float64, generator=generator)
    one = module(visual, text, PROMPT)
    other = module(visual[order], text[order], PROMPT[order])
    torch.testing.assert_close(other.v2l, one.v2l[order][:, order])
    torch.testing.assert_close(other.l2v, one.l2v[order][:, order])
    torch.testing.assert_close(contrastive_loss(other), contrastive_loss(one))


@settings(max_examples=30, deadline=None)
@given(
    batch=st.integers(1, 8),
    width=st.integers(1, 9),
    gate=st.sampled_from(GATES),
    scale=st.floats(1e-3, 1e3),
)
def test_length_of_the_features_does_not_matter(batch, width, gate, scale, attention_of):
    generator = torch.Generator().manual_seed(batch)
    visual, text = torch.randn(2, batch, width, dtype=torch.float64, generator=generator)
    module = attention_of(gate=gate)
    one, other = module(visual, text), module(visual * scale, text / scale)
    assert one.v2l.shape == one.l2v.shape == (batch, batch)
    torch.testing.assert_close(one.v2l, other.v2l)
    torch.testing.assert_close(one.l2v, other.l2v)


@pytest.mark.parametrize("gate", GATES)
def test_extreme_weights_stay_finite(gate, pairs, attention_of):
    module = attention_of(gate=gate)
    module.pairs.weight.data.fill_(-500)
    loss = contrastive_loss(module(*pairs()))
    loss.backward()
    assert loss.isfinite()
    assert module.pairs.weight.grad.isfinite().all()


@pytest.mark.parametrize("gate", GATES)
def test_half_precision_features_are_compared_in_float32(gate):
    visual, text = torch.randn(2, 4, 16).bfloat16()
    module = SamplePairAttention(max_batch=4, gate=gate)
    exact = module(visual.float(), text.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = module(visual, text)
    assert result.v2l.dtype is torch.float32
    torch.testing.assert_close(result.v2l, exact.v2l)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("form", FORMS)
def test_state_round_trip(form, gate, pairs, attention_of):
    old, new = attention_of(form, gate, seed=1), attention_of(form, gate, seed=2)
    visual, text = pairs()
    new.load_state_dict(old.state_dict())
    assert torch.equal(new(visual, text, PROMPT).v2l, old(visual, text, PROMPT).v2l)


@pytest.mark.parametrize("sizes", [{"max_batch": 4}, {"classes": 2}, {"features": 5}])
def test_works_on_the_meta_device(sizes):
    with torch.device("meta"):
        module = SamplePairAttention(**sizes)
        result = module(torch.ones(3, 5), torch.ones(3, 5), torch.ones(3, dtype=torch.int64))
        assert contrastive_loss(result).device.type == "meta"
    assert result.v2l.shape == (3, 3)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("form", FORMS)
def test_compiles_without_graph_breaks(form, gate, pairs, attention_of):
    module = attention_of(form, gate, per_direction=True)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    visual, text = pairs()
    expected = module(visual, text, PROMPT)
    torch.testing.assert_close(compiled(visual, text, PROMPT), expected)


@pytest.mark.parametrize("sizes", [{}, {"max_batch": 4, "classes": 4}])
def test_needs_one_way_to_index_a(sizes):
    with pytest.raises(ValueError, match="give one of max_batch"):
        SamplePairAttention(**sizes)


def test_unknown_gate_is_named():
    with pytest.raises(ValueError, match="'logits' or 'softmax', received 'both'"):
        SamplePairAttention(max_batch=4, gate="both")


@pytest.mark.parametrize("prompt", [[0, -1], [0, 2], [True, False]])
def test_a_prompt_that_is_no_class_is_refused(prompt):
    attention = SamplePairAttention(classes=2)
    visual, text = torch.randn(2, 4), torch.randn(2, 4)
    with pytest.raises((IndexError, RuntimeError)):
        attention(visual, text, torch.tensor(prompt))
