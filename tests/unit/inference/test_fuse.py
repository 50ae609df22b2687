"""Fusing: the same function, layer by layer, and hands off where it might not be."""

import copy

import pytest
import torch
from torch import nn

from mfclip.inference.fuse import FusedConvolution, FusedLinear, NeighbourMaxPool, fuse

BF16 = pytest.param(
    torch.bfloat16,
    marks=pytest.mark.skipif(
        not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="oneDNN has no bfloat16 here"
    ),
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.Identity(), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 12, 3, stride=2), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(12, 12, 3, padding=2, dilation=2, groups=4), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(5)),
    ).eval()


def images(batch=3, side=34, channels=3):
    return torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_fused_is_the_same_function(dtype):
    plain = network()
    plain(images())
    plain = plain.to(dtype)
    fused = fuse(plain, dtype)
    kinds = [type(layer) for layer in fused]
    assert kinds[:4] == [FusedConvolution, nn.Identity, nn.Identity, NeighbourMaxPool]
    assert kinds[4:7] == [FusedConvolution, nn.Identity, nn.AvgPool2d]
    assert kinds[7:9] == [FusedConvolution, nn.MaxPool2d]  # no ReLU between them
    assert (kinds[10] is FusedLinear) == (dtype == torch.bfloat16)
    for batch in (3, 1, 7):
        given = images(batch).to(dtype)
        with torch.inference_mode():
            tolerance = 1e-5 if dtype == torch.float32 else 0.02
            torch.testing.assert_close(fused(given), plain(given), rtol=0, atol=tolerance)


def test_weights_are_shared_and_the_original_stays():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    before = copy.deepcopy(plain)
    fused = fuse(plain, torch.float32)
    assert fused[0].weight is plain[0].weight
    assert set(fused.state_dict()) == set(plain.state_dict())
    assert [type(layer) for layer in plain] == [nn.Conv2d, nn.ReLU]
    assert torch.equal(plain(images()), before(images()))


def test_gradients_are_those_of_the_plain_layers():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    fused = fuse(plain, torch.float32)
    found = []
    for network in (plain, fused):
        given = images().requires_grad_()
        network(given).square().sum().backward()
        found.append(given.grad)
    assert torch.equal(*found)


@pytest.mark.parametrize("side", [33, 34])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pooling_is_exact(dtype, side):
    given = images(side=side, channels=16).relu().to(dtype)
    with torch.inference_mode():
        for one in (given, given.contiguous(memory_format=torch.channels_last)):
            assert torch.equal(NeighbourMaxPool(2)(one), nn.MaxPool2d(2)(one))


def wide(batch, side):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(64, 128, 3, padding=1), nn.ReLU())
    return plain, images(batch, side, 64)


def test_wide_convolutions_multiply_less():
    plain, given = wide(2, 28)
    fused = fuse(plain, torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(fused(given), plain(given), rtol=0, atol=5e-5)
    assert fused[0]._transformed is not None
    assert fused[0]._packed is None


def test_few_tiles_are_left_to_the_definition():
    plain, given = wide(1, 8)
    fused = fuse(plain, torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(fused(given), plain(given), rtol=0, atol=1e-5)
    assert fused[0]._transformed is None


class OwnOrder(nn.Sequential):
    def forward(self, x):
        return self[1](-self[0](x))


class OwnConvolution(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2


def hooked():
    convolution = nn.Conv2d(3, 3, 3)
    convolution.register_forward_hook(lambda module, inputs, output: output * 3)
    return nn.Sequential(convolution, nn.ReLU())


def shared():
    relu = nn.ReLU()
    return nn.Sequential(nn.Conv2d(3, 3, 3), relu, nn.Conv2d(3, 3, 3), relu)


OTHERS = {
    "own order": OwnOrder(nn.Conv2d(3, 3, 3), nn.ReLU()),
    "subclass": nn.Sequential(OwnConvolution(3, 3, 3), nn.ReLU()),
    "hook": hooked(),
    "shared ReLU": shared(),
    "ReLU elsewhere": nn.Sequential(nn.Conv2d(3, 3, 3), nn.Sigmoid(), nn.ReLU()),
    "other border": nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), nn.ReLU()),
    "named border": nn.Sequential(nn.Conv2d(3, 3, 3, padding="same"), nn.ReLU()),
    "other windows": nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.MaxPool2d(2, 1)),
    "bordered windows": nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.MaxPool2d(2, padding=1)),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_may_be_more_than_it_seems_stays(case):
    plain = OTHERS[case].eval()
    fused = fuse(plain, torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(fused(images()), plain(images()), rtol=0, atol=1e-5)
    assert [type(one) for one in plain if isinstance(one, nn.MaxPool2d)] == [
        type(one) for one in fused if isinstance(one, nn.MaxPool2d)
    ]


@pytest.mark.parametrize("precision", [torch.float32, BF16])
def test_a_folded_detector_gives_the_same_log_odds_either_way(
    precision, detector, preprocessor, images
):
    from mfclip.inference.predict import Predictor

    ways = [
        Predictor(
            *(detector, preprocessor),
            device=torch.device("cpu"),
            precision=precision,
            runtime=runtime,
        )
        for runtime in ("torch", "fused")
    ]
    assert [way.runtime.name for way in ways] == ["torch", "fused"]
    plain, fused = (torch.from_numpy(way(images)) for way in ways)
    tolerance = 1e-4 if precision == torch.float32 else 0.02
    torch.testing.assert_close(fused, plain, rtol=0, atol=tolerance)
    assert any(isinstance(one, FusedConvolution) for one in ways[1]._running.modules())
    assert not any(isinstance(one, FusedConvolution) for one in ways[1].module.modules())


class Doubling(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def made_for_scoring(self, dtype):
        self.inner = nn.Sequential(self.inner, nn.Linear(4, 4, dtype=dtype))

    def forward(self, x):
        return self.inner(x)


def test_a_module_may_have_a_form_of_its_own_for_scoring():
    plain = nn.Sequential(Doubling()).bfloat16()
    fused = fuse(plain, torch.bfloat16)
    assert [type(layer) for layer in fused[0].inner] == [FusedLinear, FusedLinear]
    assert type(plain[0].inner) is nn.Linear
