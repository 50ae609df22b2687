"""Small CLIP models with random weights, as open_clip and as transformers make and save them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Tensor, nn

from mfclip.parts import BuildContext
from mfclip_clip.parts import ClipText, ClipVit

IMAGE = {"dim": 24, "tower_width": 32, "layers": 2, "heads": 4, "patch": 16}
TEXT = {"dim": 24, "tower_width": 16, "layers": 2, "heads": 2}


def _randomise(model: nn.Module) -> nn.Module:
    """Weights far from their start, so that a wrong assignment shows."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture(scope="session")
def open_clip_model() -> CLIP:
    """open_clip's own model of the same shape as :data:`IMAGE` and :data:`TEXT`."""
    vision = {"image_size": 32, "patch_size": 16, "width": 32, "layers": 2, "head_width": 8}
    text = {"width": 16, "layers": 2, "heads": 2}
    return _randomise(CLIP(24, vision, text))


@pytest.fixture(scope="session")
def open_clip_file(open_clip_model: CLIP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its state dict."""
    file = tmp_path_factory.mktemp("open_clip") / "model.safetensors"
    save_file({k: v.contiguous() for k, v in open_clip_model.state_dict().items()}, file)
    return file


@pytest.fixture(scope="session")
def transformers_model() -> Any:
    """transformers' CLIPModel of the same shape."""
    from transformers import CLIPConfig, CLIPModel

    common = {"num_hidden_layers": 2, "hidden_act": "quick_gelu"}
    vision = {"hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 4}
    text = {"hidden_size": 16, "intermediate_size": 64, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=text | common | {"eos_token_id": 49407},
        vision_config=vision | common | {"image_size": 32, "patch_size": 16},
        projection_dim=24,
    )
    return _randomise(CLIPModel(config))


@pytest.fixture(scope="session")
def transformers_folder(transformers_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What its ``save_pretrained`` writes."""
    folder = tmp_path_factory.mktemp("transformers")
    transformers_model.save_pretrained(folder)
    return folder


@pytest.fixture
def images() -> Tensor:
    """Three of 32×32 pixels, 0-1."""
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def tokens() -> Tensor:
    """Two prompts of three sentences, of different lengths."""
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(1, 49406, (2, 3, 77), generator=generator)
    ends = torch.tensor([[5, 9, 3], [12, 4, 30]])
    place = torch.arange(77)
    tokens[place > ends[..., None]] = 0
    tokens[place == ends[..., None]] = 49407
    return tokens


@pytest.fixture
def build_image() -> Any:
    """Settings -> a small image encoder for 32×32 pixels, in evaluation mode."""

    def build(pretrained: bool = True, **settings: Any) -> nn.Module:
        context = BuildContext(image_size=32, pretrained=pretrained)
        return ClipVit(**(IMAGE | settings)).build(context).eval()

    return build


@pytest.fixture
def build_text() -> Any:
    """Settings -> a small text encoder, in evaluation mode."""

    def build(pretrained: bool = True, **settings: Any) -> nn.Module:
        return ClipText(**(TEXT | settings)).build(BuildContext(pretrained=pretrained)).eval()

    return build
