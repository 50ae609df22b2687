"""CoOp: with a context of words it is CLIP; with weights nothing else learns."""

from __future__ import annotations

import open_clip
import pytest
import torch
from torch.nn import functional

from mfclip.parts import BuildContext
from mfclip_baselines.schemas.coop import CoOp

from .conftest import clip_file, image_tower, learns

SMALL = CoOp(
    dim=8, tower_width=16, layers=1, heads=2, patch=16, text_width=16, text_layers=2, text_heads=2,
    context=4,
)  # fmt: skip
CONTEXT = BuildContext(image_size=64)
WRITTEN = {
    "end": "a photo of a {}.",
    "middle": "a photo {} of a.",
    "front": "{} a photo of a.",
}


def built(seed=0, **changes):
    torch.manual_seed(seed)
    return SMALL.model_copy(update=changes).build(CONTEXT)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("position", WRITTEN)
@torch.no_grad()
def test_with_the_vectors_of_words_it_is_clip(position, own, images):
    network = built(position=position, own=own).eval()
    words = open_clip.tokenize(["a photo of a"])[:, 1:5]
    network.context.vectors.copy_(network.clip.text.token_embedding(words))
    sentences = [WRITTEN[position].format(name) for name in ("real", "fake")]
    texts = network.clip.encode_text(open_clip.tokenize(sentences), normalize=True)
    found = network.clip.encode_image(network.normalise(images), normalize=True)
    expected = network.clip.logit_scale.exp() * found @ texts.T
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


def test_classes_share_the_context_or_have_their_own():
    assert built().context.vectors.shape == (1, 4, 16)
    assert built(own=True).context.vectors.shape == (2, 4, 16)


def test_vectors_are_drawn_as_published():
    vectors = built(context=64, text_width=256, dim=8).context.vectors.detach()
    assert float(vectors.std()) == pytest.approx(0.02, rel=0.05)


def test_with_weights_the_context_alone_learns(images, tmp_path):
    file = clip_file(built(seed=1).clip, tmp_path / "clip.safetensors")
    network = built(weights=file)
    torch.testing.assert_close(
        network.clip.text.positional_embedding, built(1).clip.text.positional_embedding
    )
    assert float(network.clip.logit_scale.exp()) == pytest.approx(100)
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    assert learns(network, loss) == {"context.vectors"}
    assert [name for name, p in network.named_parameters() if p.requires_grad] == [
        "context.vectors"
    ]


def test_with_weights_of_the_image_tower_the_text_tower_learns(images, tmp_path):
    file = image_tower(built(seed=1).clip, tmp_path / "image.safetensors")
    network = built(weights=file, weights_of="image")
    for name, value in built(seed=1).clip.visual.state_dict().items():
        torch.testing.assert_close(network.clip.visual.state_dict()[name], value, rtol=0, atol=0)
    assert network.clip.logit_scale.exp().item() == pytest.approx(1 / 0.07)
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    rest = {name for name, _ in network.named_parameters() if ".visual." not in name}
    assert learns(network, loss) == rest
    assert {name for name, p in network.named_parameters() if p.requires_grad} == rest


def test_weights_without_a_text_tower_are_told_before_anything_is_built(tmp_path):
    file = image_tower(built(seed=1).clip, tmp_path / "image.safetensors")
    part = CoOp.model_validate({**SMALL.model_dump(), "weights": file})
    (misfit,) = part.misfits(CONTEXT)
    assert misfit.field == "weights"
    assert "image.safetensors' holds no text tower" in misfit.message
    assert 'weights_of = "image"' in misfit.message
    assert not list(part.model_copy(update={"weights_of": "image"}).misfits(CONTEXT))


def test_what_weights_are_of_needs_weights():
    with pytest.raises(ValueError, match=r'weights_of "image" is of weights, and none are named'):
        CoOp(weights_of="image")


def test_everything_learns_from_scratch(images):
    network = built()
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    assert learns(network, loss) == {name for name, _ in network.named_parameters()}


def test_as_large_as_clip():
    """149.6 million parameters are OpenAI's ViT-B/16; 16 x 512 are the context's."""
    with torch.device("meta"):
        network = CoOp().build(BuildContext())
    assert sum(p.numel() for p in network.parameters()) == 149_620_737 + 16 * 512
