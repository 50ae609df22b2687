from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_clip.parts import ClipText, ClipVit
from mfclip_clip.towers import MEAN, STD


@pytest.fixture
def altered(open_clip_file, tmp_path):
    """A function from changes to a file of open_clip weights with those changes."""

    def write(drop: str = "", add: dict | None = None, prefix: str = "") -> Path:
        tensors = {k: v for k, v in load_file(open_clip_file).items() if not (drop and drop in k)}
        named = {k if k.startswith("visual.") else prefix + k: v for k, v in tensors.items()}
        file = tmp_path / "altered.safetensors"
        save_file(named | (add or {}), file)
        return file

    return write


def test_transformers_file_gives_transformers_image_features(
    build_image, transformers_model, transformers_folder, images
):
    file = transformers_folder / "model.safetensors"
    encoder = build_image(weights=file, activation="quick-gelu")
    mean, std = (torch.tensor(x)[None, :, None, None] for x in (MEAN, STD))
    outputs = transformers_model.vision_model((images - mean) / std)
    expected = transformers_model.visual_projection(outputs.pooler_output)
    torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)


def test_transformers_file_gives_transformers_text_features(
    build_text, transformers_model, transformers_folder, tokens
):
    file = transformers_folder / "model.safetensors"
    encoder = build_text(weights=file, activation="quick-gelu")
    sentences = [
        transformers_model.text_projection(
            transformers_model.text_model(input_ids=tokens[:, s]).pooler_output
        )
        for s in range(3)
    ]
    torch.testing.assert_close(
        encoder(tokens), torch.stack(sentences).mean(0), rtol=1e-4, atol=1e-5
    )


def test_activation_matters(build_image, transformers_folder, images):
    file = transformers_folder / "model.safetensors"
    quick, plain = (build_image(weights=file, activation=a) for a in ("quick-gelu", "gelu"))
    assert (quick(images) - plain(images)).abs().max() > 1e-3


def test_text_keys_may_have_a_prefix(build_text, open_clip_file, altered, tokens):
    prefixed = build_text(weights=altered(prefix="text.", drop="logit_scale"))
    assert torch.equal(prefixed(tokens), build_text(weights=open_clip_file)(tokens))


def test_without_pretrained_the_file_is_not_read(build_image, build_text, tmp_path):
    nowhere = tmp_path / "nowhere.safetensors"
    assert build_image(pretrained=False, weights=nowhere)
    assert build_text(pretrained=False, weights=nowhere)


def test_missing_keys_are_named(build_image, altered):
    file = altered(drop="ln_post")
    with pytest.raises(RecipeError, match=r"missing: ln_post.weight, ln_post.bias") as caught:
        build_image(weights=file)
    assert str(file) in str(caught.value)
    assert "unexpected" not in str(caught.value)


def test_unexpected_keys_are_named(build_text, altered):
    file = altered(add={"adapter.weight": torch.ones(2)})
    with pytest.raises(RecipeError, match=r"unexpected: adapter\.weight"):
        build_text(weights=file)


def test_other_shapes_are_named(build_image, open_clip_file):
    with pytest.raises(RecipeError, match=r"proj \[32, 24\] instead of \[32, 25\]"):
        build_image(weights=open_clip_file, dim=25)


def test_long_lists_are_cut(build_image, open_clip_file):
    with pytest.raises(RecipeError, match=r"missing: .* and 8 more"):
        build_image(weights=open_clip_file, layers=3)


def test_a_lost_third_of_the_attention_is_named(build_text, transformers_folder, tmp_path):
    tensors = load_file(transformers_folder / "model.safetensors")
    kept = {k: v for k, v in tensors.items() if "text_model.encoder.layers.0.self_attn.k" not in k}
    file = tmp_path / "no-keys.safetensors"
    save_file(kept, file)
    with pytest.raises(RecipeError, match=r"missing: transformer.resblocks.0.attn.in_proj_weight"):
        build_text(weights=file)


def test_a_file_without_the_tower_says_what_it_expected(build_image, altered):
    with pytest.raises(RecipeError, match="holds no image tower; expected a CLIP model"):
        build_image(weights=altered(drop="visual."))


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all"])
def test_a_damaged_file_is_named(build_image, tmp_path, content):
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(content)
    with pytest.raises(RecipeError, match=r"cannot read the weights .*damaged.safetensors"):
        build_image(weights=file)


def told(part, file) -> list[str]:
    return [one.message for one in part(weights=file).misfits(BuildContext(image_size=224))]


@pytest.mark.parametrize(("part", "tower"), [(ClipVit, "image"), (ClipText, "text")])
def test_a_file_without_the_tower_is_told_before_anything_is_built(part, tower, altered, tmp_path):
    file = altered()
    assert not told(part, file)
    save_file({k: v for k, v in load_file(file).items() if of(k) != tower}, file)
    (message,) = told(part, file)
    assert f"altered.safetensors' holds no {tower} tower; name a CLIP model" in message
    file.write_bytes(b"not a safetensors file at all")
    (message,) = told(part, file)
    assert "cannot read the weights" in message


def of(key: str) -> str:
    """Which tower a tensor of open_clip's file belongs to."""
    if key == "logit_scale":
        return "neither"
    return "image" if key.startswith("visual.") else "text"


def test_the_tower_of_the_package_index_has_no_text_tower(transformers_folder, tmp_path):
    """`mfclip weights get clip-vit-b16` keeps the image half of a transformers file."""
    image = load_file(transformers_folder / "model.safetensors")
    kept = {k: v for k, v in image.items() if k.startswith(("vision_model.", "visual_"))}
    file = tmp_path / "image.safetensors"
    save_file(kept, file)
    assert not told(ClipVit, file)
    assert "holds no text tower" in told(ClipText, file)[0]
