"""FatFormer: wavelets against their matrix, published counts, what learns and what does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.fatformer import FrequencyPart, Look, _beside, haar, inverse_haar
from mfclip_baselines.schemas.fatformer import FatFormer

from .conftest import clip_file, image_tower, learns

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
    for language in (network.enhancer, network.interactor):
        assert round(sum(p.numel() for p in language.parameters()) / 1e6, 1) == 7.1
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


def attention_in_numpy(layer, x, seen):
    """Of one sequence: what PyTorch's layer says, head by head, then the sum normalised."""
    own, width = layer.attention, x.shape[1]
    weights = np.split(own.in_proj_weight.detach().numpy(), 3)
    biases = np.split(own.in_proj_bias.detach().numpy(), 3)
    q, k, v = (y @ w.T + b for y, w, b in zip((x, seen, seen), weights, biases, strict=True))
    read, per_head = np.zeros_like(x), width // own.num_heads
    for start in range(0, width, per_head):
        head = slice(start, start + per_head)
        shares = np.exp(q[:, head] @ k[:, head].T / np.sqrt(per_head))
        read[:, head] = shares / shares.sum(1, keepdims=True) @ v[:, head]
    out = own.out_proj
    return normalised_in_numpy(x + read @ out.weight.detach().numpy().T + out.bias.detach().numpy())


def perceptron_in_numpy(layer, x):
    first, last = (
        (one.weight.detach().numpy(), one.bias.detach().numpy())
        for one in (layer.layers[0], layer.layers[3])
    )
    hidden = np.maximum(x @ first[0].T + first[1], 0)
    return normalised_in_numpy(x + hidden @ last[0].T + last[1])


def normalised_in_numpy(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def test_the_interactor_in_numpy():
    torch.manual_seed(0)
    patches, texts = torch.randn(2, 5, 8).double(), torch.randn(2, 2, 8).double()
    layer = Look(8, 2).double().eval()
    for image in range(2):
        p, t = patches[image].numpy(), texts[image].numpy()
        expected = perceptron_in_numpy(layer.perceptron, attention_in_numpy(layer.attention, p, t))
        np.testing.assert_allclose(layer(patches, texts)[image].detach().numpy(), expected)


def test_the_frequency_part_in_numpy():
    """Image by image: bands normalised together, between bands place by place, within bands."""
    torch.manual_seed(0)
    tokens = torch.randn(2, 16, 8).double()
    part = FrequencyPart(8, 2, 0.1).double().eval()
    found = part(tokens).detach()
    for image in range(2):
        bands = haar(tokens[image : image + 1].mT.reshape(1, 8, 4, 4))[0].numpy()  # (4, w, 2, 2)
        places = np.moveaxis(bands, 1, -1).reshape(4, 4, 8)  # eight groups: one a channel
        places = places - places.mean((0, 1))
        places = places / np.sqrt((places**2).mean((0, 1)) + 1e-5)
        places = np.stack(
            [attention_in_numpy(part.between, p, p) for p in places.swapaxes(0, 1)], 1
        )
        rows = [
            perceptron_in_numpy(part.perceptron, attention_in_numpy(part.within, r, r))
            for r in places
        ]
        maps = torch.from_numpy(np.moveaxis(np.stack(rows), -1, 1).reshape(1, 4, 8, 2, 2))
        expected = inverse_haar(maps)[0].flatten(1).T
        torch.testing.assert_close(found[image], expected)


def test_a_weak_band_stays_weak_beside_the_others():
    """Smooth maps have little in their high bands, and normalising is to leave it so."""
    smooth = torch.linspace(0, 1, 8).expand(8, 8) + torch.linspace(0, 1, 8)[:, None]
    maps = smooth.expand(1, 4, 8, 8) * torch.tensor([1.0, 2, 3, 4])[:, None, None]
    seen = []
    part = FrequencyPart(4, 2, 0.0)
    part.between.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    part(maps.flatten(2).mT)
    energy = (seen[0] - seen[0].mean((0, 1))).pow(2).mean((0, 2))
    assert energy[0] > 10 * energy[1:].max()


def test_an_adapter_reads_what_its_block_attends_to(images):
    """Beside the perceptron: with an adapter that adds nothing, the block is CLIP's own."""
    network = built().eval()
    plain = network._tokens(images)
    for adapter in network.adapters:
        adapter.register_forward_hook(lambda _, given, made: torch.zeros_like(given[0]))
    tower = network.clip.visual
    x = tower.transformer(tower._embeds(network.normalise(images)))
    torch.testing.assert_close(network._tokens(images), tower.ln_post(x) @ tower.proj)
    assert (plain - network._tokens(images)).abs().max() > 1e-3


def test_what_an_adapter_adds_is_made_of_its_blocks_attention():
    torch.manual_seed(0)
    network = built().eval()
    block, adapter = network.clip.visual.transformer.resblocks[1], network.adapters[0]
    x = torch.randn(2, 17, 16)
    attended = x + block.attention(block.ln_1(x))
    added = _beside(block, adapter, x) - block(x)
    torch.testing.assert_close(added, adapter(attended))


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


def test_with_weights_of_the_image_tower_the_text_tower_learns(images, tmp_path):
    file = image_tower(built(seed=1).clip, tmp_path / "image.safetensors")
    network = built(SMALL.model_copy(update={"weights": file, "weights_of": "image"}))
    reference = built(seed=1).clip.visual.conv1.weight
    torch.testing.assert_close(network.clip.visual.conv1.weight, reference, rtol=0, atol=0)
    loss = functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1]))
    rest = {name for name, _ in network.named_parameters() if ".visual." not in name}
    assert learns(network, loss) == rest


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
    context = network.enhancer(network.context.vectors[0].expand(4, -1, -1), patches)
    texts = network.context(network.clip.text, context[:, None])
    assert texts.shape == (4, 2, 16)
    assert (texts[0] - texts[1]).abs().max() > 1e-6


def test_a_grid_that_cannot_be_halved_is_told():
    (misfit,) = SMALL.misfits(BuildContext(image_size=48))
    assert misfit.field == "patch"
    with pytest.raises(ValidationError, match="layers must be a multiple of adapters"):
        FatFormer(adapters=5)
