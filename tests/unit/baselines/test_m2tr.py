"""M2TR against attention written out, NumPy's Fourier transform, and timm's EfficientNet-B4."""

from __future__ import annotations

import numpy as np
import timm
import torch
from torch import Tensor, nn

from mfclip.parts import BuildContext
from mfclip_baselines.m2tr import Block, CrossModality, PatchAttention, SpectrumFilter
from mfclip_baselines.m2tr import M2tr as Network
from mfclip_baselines.schemas.m2tr import M2tr

B4 = 17_548_616
"""Parameters of timm's EfficientNet-B4 without its classifier."""


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def head(query: Tensor, key: Tensor, value: Tensor, n: int) -> Tensor:
    """One head by loops over n x n patches of maps (c, s, s)."""
    p = query.shape[-1] // n
    places = [
        (slice(i * p, (i + 1) * p), slice(j * p, (j + 1) * p)) for i in range(n) for j in range(n)
    ]
    made = torch.empty_like(value)
    for rows, columns in places:
        own = query[:, rows, columns]
        scores = torch.stack([(own * key[:, r, c]).sum() for r, c in places]) / own.numel() ** 0.5
        seen = torch.stack([value[:, r, c] for r, c in places])
        made[:, rows, columns] = torch.einsum("k,kcij->cij", scores.softmax(0), seen)
    return made


def test_patches_of_four_sizes_read_each_other():
    layer, x = PatchAttention(8).eval(), drawn(2, 8, 16, 16)
    parts = [part(x) for part in (layer.query, layer.key, layer.value)]
    expected = torch.stack(
        [
            torch.cat(
                [
                    head(*(part[b, 2 * i : 2 * i + 2] for part in parts), n)
                    for i, n in enumerate((1, 2, 4, 8))
                ]
            )
            for b in range(2)
        ]
    )
    torch.testing.assert_close(layer(x), layer.out(expected))
    torch.testing.assert_close(expected[:, :2], parts[2][:, :2], msg="one patch passes itself on")


def test_the_filter_multiplies_the_spectrum():
    layer, x = SpectrumFilter(3, 8), drawn(2, 3, 8, 8)
    weight = layer.weight.detach().double().numpy()
    spectrum = np.fft.rfft2(x.double().numpy()) * (weight[0] + 1j * weight[1])
    np.testing.assert_allclose(layer(x).detach(), np.fft.irfft2(spectrum, s=(8, 8)), atol=1e-6)


def test_a_filter_of_ones_changes_nothing():
    layer, x = SpectrumFilter(3, 8), drawn(2, 3, 8, 8)
    nn.init.zeros_(layer.weight)
    layer.weight.data[0] = 1
    torch.testing.assert_close(layer(x), x)


def test_places_read_the_frequencies_of_all_places():
    layer, (x, y) = CrossModality(6).eval(), drawn(2, 2, 6, 4, 4)
    query, key, value = (
        part(maps).flatten(2) for part, maps in ((layer.query, x), (layer.key, y), (layer.value, y))
    )
    weights = (torch.einsum("bci,bcj->bij", query, key) / 6**0.5).softmax(-1)
    read = torch.einsum("bij,bcj->bci", weights, value).view_as(x)
    torch.testing.assert_close(layer(x, y), layer.out(read))


def test_the_order_of_memory_does_not_matter():
    block, x = Block(8, 16).eval(), drawn(2, 8, 16, 16)
    expected = block(x)
    block, x = (one.to(memory_format=torch.channels_last) for one in (block, x))
    torch.testing.assert_close(block(x), expected)


def test_a_block_adds_to_what_came_in():
    block, x = Block(8, 16).eval(), drawn(1, 8, 16, 16)
    for part in (block.patches.out, block.patches_forward[1], block.fusion.out):
        nn.init.zeros_(part[0].weight)
        nn.init.zeros_(part[0].bias)
    torch.testing.assert_close(block(x), x)


def test_around_the_blocks_it_is_the_efficientnet_of_timm(images):
    network = M2tr(depth=1).build(BuildContext(image_size=64)).eval()
    theirs = timm.create_model("tf_efficientnet_b4", num_classes=2).eval()
    values = [*network.front.state_dict().values(), *network.rest.state_dict().values()]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    network.blocks = nn.Identity()
    torch.testing.assert_close(network(images), theirs(network.normalise(images)))


def test_blocks_work_on_the_map_of_the_paper():
    with torch.device("meta"):
        network = Network(320)
        made = network.front(torch.empty(1, 3, 320, 320))
    assert made.shape == (1, 32, 80, 80)
    assert len(network.blocks) == 4
    assert network.blocks[0].spectrum.weight.shape == (2, 32, 80, 41)
    trunk = [*network.front.parameters(), *network.rest.parameters()]
    assert sum(value.numel() for value in trunk) == B4 + 2 * 1792 + 2


def test_everything_learns(images):
    network = M2tr(depth=1).build(BuildContext(image_size=64)).train()
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 0, 1])).backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.any(), name


def test_sizes_that_cannot_be_cut_are_told():
    (misfit,) = M2tr().misfits(BuildContext(image_size=100))
    assert "got 100" in misfit.message
