import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_clip.parts import ClipText, ClipVit
from mfclip_clip.plugin import mfclip_encoders


def test_hook_offers_the_parts():
    assert [p.model_fields["use"].default for p in mfclip_encoders()] == ["clip-vit", "clip-text"]


def test_defaults_are_those_of_vit_b_32():
    import json

    import open_clip

    config = Path(open_clip.__file__).parent / "model_configs" / "ViT-B-32.json"
    published = json.loads(config.read_text())
    vision, text = published["vision_cfg"], published["text_cfg"]
    image_part, text_part = ClipVit(), ClipText()
    assert image_part.width == text_part.width == published["embed_dim"]
    assert image_part.tower_width == vision["width"]
    assert image_part.layers == vision["layers"]
    assert image_part.patch == vision["patch_size"]
    assert image_part.tower_width // image_part.heads == 64
    assert text_part.tower_width == text["width"]
    assert text_part.heads == text["heads"]
    assert text_part.layers == text["layers"]


def test_every_parameter_learns(build_image, build_text, images, tokens):
    for encoder, inputs in ((build_image(), images), (build_text(), tokens)):
        embedding = encoder.train()(inputs)
        (embedding * torch.randn_like(embedding)).sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_patches_must_tile_the_image():
    (misfit,) = ClipVit(patch=32).misfits(BuildContext(image_size=100))
    assert misfit.field == "patch"
    assert "patches of 32 pixels do not divide an image of 100" in misfit.message
    assert not list(ClipVit(patch=32).misfits(BuildContext(image_size=224)))


@pytest.mark.parametrize("part", [ClipVit, ClipText])
def test_weights_that_are_not_there_are_a_misfit(part, tmp_path):
    file = tmp_path / "gone.safetensors"
    (misfit,) = part(weights=file).misfits(BuildContext())
    assert misfit.field == "weights"
    assert str(file) in misfit.message
    assert not list(part(weights=file).misfits(BuildContext(pretrained=False)))
    file.touch()
    (misfit,) = part(weights=file).misfits(BuildContext())
    assert "cannot read the weights" in misfit.message
    assert not list(part(weights=file).misfits(BuildContext(pretrained=False)))


@pytest.mark.parametrize("name", ["clip.bin", "clip.pt", "clip.pkl", "./clip"])
@pytest.mark.parametrize("part", [ClipVit, ClipText])
def test_pickles_are_refused(part, name):
    with pytest.raises(ValidationError, match=r"\.safetensors files only"):
        part(weights=name)


@pytest.mark.parametrize("part", [ClipVit, ClipText])
def test_heads_must_divide_the_width(part):
    with pytest.raises(ValidationError, match="multiple of heads, got 10 and 4"):
        part(tower_width=10, heads=4)


def test_declaring_the_parts_does_not_load_torch():
    code = "import sys, mfclip_clip.plugin as p; p.ClipVit(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
