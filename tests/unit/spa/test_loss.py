import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mfclip_spa import InfoNCE, SamplePairAttention, contrastive_loss, spa_loss

GATES = ["logits", "softmax"]
FORMS = ["position", "prompt", "features"]
PROMPT = torch.tensor([0, 2, 1, 2, 0, 1])


@pytest.mark.parametrize("chunk", [None, 1, 4, 99])
@pytest.mark.parametrize("per_direction", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gate", GATES)
def test_equals_the_equations_written_out(
    gate, form, per_direction, chunk, pairs, written_out, attention_of, a_both_ways
):
    visual, text = pairs()
    module = attention_of(form, gate, per_direction=per_direction)
    there, back = a_both_ways(module, visual, text, PROMPT)
    *_, expected = written_out(visual, text, there, 0.07, gate, back)
    loss = spa_loss(visual, text, module, PROMPT, chunk=chunk)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-6)


@pytest.mark.parametrize("per_direction", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gate", GATES)
def test_gradients_in_blocks_are_those_of_finite_differences(
    gate, form, per_direction, pairs, attention_of
):
    module = attention_of(form, gate, per_direction=per_direction)

    def loss(visual: Tensor, text: Tensor, *_: Tensor) -> Tensor:
        return spa_loss(visual, text, module, PROMPT[:3], chunk=2)

    inputs = (*pairs(3), *module.parameters())  # changed in place
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 8),
    chunk=st.integers(1, 9),
    form=st.sampled_from(FORMS),
    gate=st.sampled_from(GATES),
    seed=st.integers(0, 99),
)
def test_chunks_change_neither_loss_nor_gradients(batch, chunk, form, gate, seed, attention_of):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(2, batch, 5, dtype=torch.float64, generator=generator)
    prompt = torch.randint(0, 3, (batch,), generator=generator)
    module = attention_of(form, gate, seed)
    leaves = [*embeddings.clone().requires_grad_().unbind(), *module.parameters()]
    whole = contrastive_loss(module(*leaves[:2], prompt))
    blocks = spa_loss(*leaves[:2], module, prompt, chunk=chunk)
    torch.testing.assert_close(blocks, whole)
    expected = torch.autograd.grad(whole, leaves, allow_unused=True, materialize_grads=True)
    found = torch.autograd.grad(blocks, leaves, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("chunk", [None, 4])
def test_infonce_is_taken_too(chunk, pairs):
    module = InfoNCE(0.2).double()
    expected = contrastive_loss(module(*pairs()))
    torch.testing.assert_close(spa_loss(*pairs(), module, chunk=chunk), expected)


@pytest.mark.parametrize("chunk", [None, 2])
def test_half_precision_is_computed_in_float32(chunk):
    visual, text = torch.randn(2, 4, 16).bfloat16()
    module = SamplePairAttention(max_batch=4)
    exact = spa_loss(visual.float(), text.float(), module)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = spa_loss(visual, text, module, chunk=chunk)
        loss.backward()  # blocks are computed again without autocast, as the first time
    assert loss.dtype is torch.float32
    torch.testing.assert_close(loss, exact)
    assert module.pairs.weight.grad.dtype is torch.float32


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("form", FORMS)
def test_compiles_without_graph_breaks(form, chunk, pairs, attention_of):
    module = attention_of(form)
    compiled = torch.compile(spa_loss, fullgraph=True, backend="eager")
    ours, theirs = pairs(), pairs()
    loss = compiled(*ours, module, PROMPT, chunk=chunk)
    loss.backward()
    expected = spa_loss(*theirs, module, PROMPT)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours[0].grad, theirs[0].grad)


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("sizes", [{"max_batch": 4}, {"classes": 2}, {"features": 5}])
def test_works_on_the_meta_device(sizes, chunk):
    with torch.device("meta"):
        module = SamplePairAttention(**sizes)
        visual = torch.ones(3, 5, requires_grad=True)
        prompt = torch.ones(3, dtype=torch.int64)
        loss = spa_loss(visual, torch.ones(3, 5), module, prompt, chunk=chunk)
        loss.backward()
    assert loss.device.type == "meta"
    assert visual.grad.shape == (3, 5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("form", FORMS)
def test_gives_on_cuda_what_it_gives_on_the_cpu(form, chunk, pairs, attention_of):
    module = attention_of(form)
    expected = spa_loss(*pairs(), module, PROMPT)
    there = [x.detach().cuda() for x in pairs()]
    loss = spa_loss(*there, module.cuda(), PROMPT.cuda(), chunk=chunk)
    torch.testing.assert_close(loss.cpu(), expected)


def test_gather_in_one_process_changes_nothing(pairs, attention_of):
    module = attention_of()
    assert spa_loss(*pairs(), module, gather=True) == spa_loss(*pairs(), module)


def test_what_does_not_fit_is_named(pairs, attention_of):
    with pytest.raises(ValueError, match="chunk must be at least 1 row, received 0"):
        spa_loss(*pairs(), attention_of(), chunk=0)
    with pytest.raises(ValueError, match="at most max_batch = 8 pairs, received 9"):
        spa_loss(*pairs(9), attention_of(), chunk=2)
    with pytest.raises(ValueError, match="pass prompt"):
        spa_loss(*pairs(), attention_of("prompt"))
