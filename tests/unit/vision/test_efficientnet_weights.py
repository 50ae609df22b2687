"""The converted ImageNet weights against the network of the package that they come from."""

from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from mfclip.parts import BuildContext
from mfclip_vision.parts import Timm

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
MODEL = "tf_efficientnet_lite0"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import efficientnet_weights

    return efficientnet_weights


@pytest.fixture
def converted(script, monkeypatch, tmp_path) -> Path:
    file = tmp_path / "lite0.safetensors"
    monkeypatch.setattr("sys.argv", ["efficientnet_weights.py", str(file)])
    script.main()
    return file


@torch.no_grad()
def test_the_encoder_sees_what_the_published_network_sees(converted, script, draw_images):
    encoder = Timm(model=MODEL, dim=8, weights=converted).build(BuildContext(image_size=112)).eval()
    published = EfficientNet.from_name("efficientnet-lite0", image_size=112).eval()
    published.load_state_dict(script.published())
    images = draw_images(4, 112)
    pooled = published.extract_features((images - 0.5) / 0.5).mean((2, 3))
    expected = pooled @ encoder.project.weight.T + encoder.project.bias
    torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)
    assert pooled.std() > 0.1


def test_nothing_is_written_where_two_tensors_are_mixed_up(script, monkeypatch, tmp_path):
    right, file = script.timm_name, tmp_path / "lite0.safetensors"
    swapped = {"blocks.3.1.conv_dw.weight": "blocks.3.2.conv_dw.weight"}
    swapped |= {new: old for old, new in swapped.items()}
    monkeypatch.setattr(script, "timm_name", lambda name: swapped.get(right(name), right(name)))
    monkeypatch.setattr("sys.argv", ["efficientnet_weights.py", str(file)])
    with pytest.raises(SystemExit, match="the two networks differ"):
        script.main()
    assert not file.exists()


def test_another_file_is_refused(script, monkeypatch, tmp_path):
    torch.save({}, file := tmp_path / "other.pth")
    found = script.EfficientnetLite0ModelFile
    monkeypatch.setattr(found, "get_model_file_path", lambda: str(file))
    with pytest.raises(SystemExit, match=r"other\.pth is not the published file"):
        script.published()
