from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip.errors import TrainingError
from mfclip.training.weights import first_not_finite, load_module, module_tensors


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 3, 2)
        self.b = self.a
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("scratch", torch.zeros(1), persistent=False)


def test_shared_tensors_once_buffers_too_scratch_not():
    names = set(module_tensors(Tied()))
    counters = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert names == {"a.weight", "a.bias", "norm.weight", "norm.bias", *counters}


def test_loading_copies_into_the_same_tensors():
    source, target = Tied(), Tied().to(memory_format=torch.channels_last)
    source.norm.num_batches_tracked += 3
    place = target.a.weight.data_ptr()
    load_module(target, {name: t.clone() for name, t in module_tensors(source).items()})
    assert target.a.weight.data_ptr() == place
    assert target.a.weight.is_contiguous(memory_format=torch.channels_last)
    for name, tensor in module_tensors(source).items():
        assert torch.equal(module_tensors(target)[name], tensor)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_what_does_not_fit_is_named(change):
    tensors = dict(module_tensors(Tied()))
    if change == "missing":
        del tensors["a.bias"]
    elif change == "extra":
        tensors["a.bias2"] = torch.zeros(1)
    else:
        tensors["a.bias"] = torch.zeros(7)
    with pytest.raises(TrainingError, match=r"1 tensors differ.*a\.bias.*--restart"):
        load_module(Tied(), tensors)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_the_first_tensor_that_is_not_finite_is_named(value):
    module = Tied()
    assert first_not_finite(module) is None
    module.norm.running_var[1] = value
    assert first_not_finite(module) == "norm.running_var"
