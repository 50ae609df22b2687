"""FatFormer: wavelets against their matrix, published counts, what learns and what does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.fatformer import haar, interact, inverse_haar
from mfclip_baselines.schemas.fatformer import FatFormer

from .conftest import clip_file, learns

SMALL = FatFormer(
    dim=16, tower_width=16, layers=6, heads=2, patch=16, text_width=16, text_layers=1, text_heads=2,
    adapter_heads=2, adapter_width=4,
)  # fmt: skip
CONTEXT = BuildContext(image_size=64)


def built(part=SMALL, seed=0):
    torch.manual_seed(seed)
    network = part.build(CONTEXT)
    for adapter in network.adapters:
        torch.nn.init.constant_(adapter.gate, 0.5)
    return network


def test_haar_is_the_orthonormal_matrix():
    maps = torch.randn(2, 3, 6, 8, dtype=torch.float64)

    def halves(count):
        sums = np.kron(np.eye(count // 2), [1, 1]) / np.sqrt(2)
        return {"L": sums, "H": np.kron(np.eye(count // 2), [1, -1]) / np.sqrt(2)}

    rows, columns = halves(6), halves(8)
    bands = haar(maps)
    for number, (column, row) in enumerate(("LL", "LH", "HL", "HH")):
        expected = rows[row] @ maps.numpy() @ columns[column].T
        np.testing.assert_allclose(bands[:, number].numpy(), expected, atol=1e-12)
    torch.testing.assert_close(inverse_haar(bands), maps)


def test_adapters_and_enhancer_are_as_large_as_published():
    with torch.device("meta"):
        network = FatFormer().build(BuildContext())
    counts = [sum(p.numel() for p in adapter.parameters()) for adapter in network.adapters]
    assert [round(count / 1e6, 2) for count in counts] == [16.93] * 3
    assert round(sum(p.numel() for p in network.enhancer.parameters()) / 1e6, 1) == 7.1
    assert [number for number in range(1, 25) if number % network.every == 0] == [8, 16, 24]


def test_a_gate_of_zero_lets_no_frequency_through():
    adapter = SMALL.build(CONTEXT).adapters[0].eval()
    tokens = torch.randn(2, 17, 16)
    alone = adapter.scale * adapter.image(tokens.mT).mT
    torch.testing.assert_close(adapter(tokens), alone)
    torch.nn.init.constant_(adapter.gate, 1.0)
    changed = adapter(tokens) - alone
    assert changed[:, 0].abs().max() == 0
    assert changed[:, 1:].abs().max() > 0


def test_the_interactor_in_numpy():
    patches, texts = torch.randn(2, 5, 8).double(), torch.randn(2, 2, 8).double()
    for image in range(2):
        p, t = patches[image].numpy(), texts[image].numpy()
        weights = np.exp(p @ t.T / np.sqrt(8))
        weights /= weights.sum(1, keepdims=True)
        np.testing.assert_allclose(interact(patches, texts)[image].numpy(), p + weights @ t)


def test_everything_learns_from_scratch(images):
    network = built()
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    assert learns(network, loss) == {name for name, _ in network.named_parameters()}


def test_with_weights_the_towers_stay(images, tmp_path):
    file = clip_file(built(seed=1).clip, tmp_path / "clip.safetensors")
    network = built(SMALL.model_copy(update={"weights": file}))
    reference = built(seed=1).clip.visual.conv1.weight
    torch.testing.assert_close(network.clip.visual.conv1.weight, reference)
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    others = {name for name, _ in network.named_parameters() if not name.startswith("clip.")}
    assert learns(network, loss) == others


def test_weights_of_one_tower_are_refused(tmp_path):
    file = clip_file(built().clip.visual, tmp_path / "image.safetensors")
    with pytest.raises(RecipeError, match="holds no image tower"):
        SMALL.model_copy(update={"weights": file}).build(CONTEXT)


def test_a_score_depends_on_its_own_image_alone(images):
    network = built().eval()
    together = network(images)
    torch.testing.assert_close(torch.cat([network(one[None]) for one in images]), together)
    torch.testing.assert_close(network(images.flip(0)).flip(0), together)


def test_texts_follow_the_patches(images):
    """The enhancer gives each image its own sentences."""
    network = built().eval()
    patches = network._tokens(images)[:, 1:]
    context = network.enhancer(network.context.vectors[0], patches)
    texts = network.context(network.clip.text, context[:, None])
    assert texts.shape == (4, 2, 16)
    assert (texts[0] - texts[1]).abs().max() > 1e-6


def test_a_grid_that_cannot_be_halved_is_told():
    (misfit,) = SMALL.misfits(BuildContext(image_size=48))
    assert misfit.field == "patch"
    with pytest.raises(ValidationError, match="layers must be a multiple of adapters"):
        FatFormer(adapters=5)
