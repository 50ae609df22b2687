"""Folding: the same function with fewer modules, and hands off where it might not be."""

import copy

import pytest
import torch
from torch import nn

from mfclip.inference.fold import fold

CASES = {
    "1d": (nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), (4, 3, 9)),
    "2d": (nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3), nn.BatchNorm2d(6), (4, 3, 9, 9)),
    "3d": (nn.Conv3d(3, 5, 3, bias=False), nn.BatchNorm3d(5, affine=False), (4, 3, 5, 5, 5)),
}


def trained(norm):
    """Give a batch norm statistics and weights unlike those it starts with."""
    for name, value in (*norm.named_buffers(), *norm.named_parameters()):
        if value.is_floating_point():
            nn.init.uniform_(value, 0.1 if name == "running_var" else -1, 1)
    return norm


@pytest.mark.parametrize("case", CASES)
def test_folded_is_the_same_function(case):
    torch.manual_seed(0)
    convolution, norm, shape = CASES[case]
    plain = nn.Sequential(convolution, trained(norm), nn.ReLU()).double().eval()
    folded = fold(plain)
    inputs = torch.rand(shape, dtype=torch.float64)
    torch.testing.assert_close(folded(inputs), plain(inputs), rtol=1e-12, atol=1e-12)
    assert [type(layer) for layer in folded] == [type(convolution), nn.Identity, nn.ReLU]


def test_the_original_stays_as_it_was():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), trained(nn.BatchNorm2d(4))).train()
    before = copy.deepcopy(plain.state_dict())
    folded = fold(plain)
    assert plain.training
    assert isinstance(plain[1], nn.BatchNorm2d)
    assert all(torch.equal(before[name], value) for name, value in plain.state_dict().items())
    assert not folded.training


def test_pairs_deep_inside_are_found():
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    folded = fold(nn.ModuleDict({"a": nn.Sequential(nn.ReLU(), inner)}))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


class OwnOrder(nn.Sequential):
    def forward(self, x):
        return self[0](x) + 1


class OwnConvolution(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2


def hooked():
    convolution = nn.Conv2d(3, 3, 3)
    convolution.register_forward_hook(lambda module, inputs, output: output * 3)
    return nn.Sequential(convolution, nn.BatchNorm2d(3))


def shared():
    convolution = nn.Conv2d(3, 3, 3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(3), convolution)


@pytest.mark.parametrize(
    "plain",
    [
        OwnOrder(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)),
        nn.Sequential(OwnConvolution(3, 3, 3), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 3)), nn.BatchNorm2d(3)),
        hooked(),
        shared(),
    ],
    ids=[
        "own order",
        "subclass",
        "not neighbours",
        "no statistics",
        "parametrised",
        "hook",
        "shared",
    ],
)
def test_what_may_be_more_than_it_seems_stays(plain):
    for norm in plain:
        if isinstance(norm, nn.BatchNorm2d):
            trained(norm)
    plain = plain.eval()
    folded = fold(plain)
    inputs = torch.rand(2, 3, 6, 6)
    assert torch.equal(folded(inputs), plain(inputs))
    assert any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_parametrised_weights_are_computed_once():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), nn.ReLU()).eval()
    folded = fold(plain)
    inputs = torch.rand(3, 5)
    assert torch.equal(folded(inputs), plain(inputs))
    assert type(folded[0]) is nn.Linear
    assert set(folded.state_dict()) == {"0.weight", "0.bias"}
    assert len(plain.state_dict()) == 3
