"""What needs no open_clip; its models and its training are in tests/functional/spa."""

import pytest
import torch
from torch import Tensor, nn

from mfclip_spa import PairGate, SamplePairAttention, SpaClipLoss, SpaSigLipLoss, contrastive_loss
from mfclip_spa.blocks import sigmoid_loss


def unit(batch: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, batch, 8, generator=generator)
    image, text = nn.functional.normalize(drawn, dim=-1)
    return image, text


def gate(**options: object) -> PairGate:
    module = PairGate(4, **options)
    torch.nn.init.normal_(module.pairs.weight)
    return module


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("place", ["logits", "softmax"])
def test_clip_loss_is_that_of_the_attention(place, chunk):
    module = SamplePairAttention(4, gate=place, temperature=0.1)
    torch.nn.init.normal_(module.pairs.weight)
    expected = contrastive_loss(module(*unit()))
    loss = SpaClipLoss(module, chunk=chunk)(*unit(), torch.tensor(10.0))
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("place", ["logits", "softmax"])
def test_siglip_loss_is_the_sigmoid_of_every_pair_by_batch(place, chunk):
    module = gate(gate=place)
    image, text = unit()
    scale, bias = torch.tensor(10.0), torch.tensor(-5.0)
    expected = sigmoid_loss(
        image @ text.T * scale, module.pairs.weight, torch.arange(4), place, bias
    )
    loss = SpaSigLipLoss(module, chunk=chunk)(image, text, scale, bias)
    torch.testing.assert_close(loss, expected / 4)


def test_output_by_name():
    for loss in (SpaClipLoss(gate()), SpaSigLipLoss(gate())):
        named = loss(*unit(), torch.tensor(1.0), output_dict=True)
        assert list(named) == ["contrastive_loss"]


def test_a_model_without_a_gate_is_refused():
    with pytest.raises(ValueError, match=r"Linear has no sample pair attention; call attach"):
        SpaClipLoss(nn.Linear(2, 2))


def test_horovod_is_refused():
    with pytest.raises(ValueError, match="start the processes with torchrun"):
        SpaClipLoss(gate(), use_horovod=True)


def test_a_world_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"rank 1 of 2 processes, but torch.distributed says 0 of"):
        SpaClipLoss(gate(), rank=1, world_size=2)


def test_siglip_has_no_two_directions():
    with pytest.raises(ValueError, match="without per_direction"):
        SpaSigLipLoss(gate(per_direction=True))
