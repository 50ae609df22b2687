"""Cross Efficient ViT against PyTorch's attention, timm's maps, and the size in print."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from mfclip.parts import BuildContext
from mfclip_baselines.cevit import Attention, Branch, Crossing, Stage
from mfclip_baselines.schemas.cevit import Cevit

SMALL = Cevit(deep_patch=1, shallow_patch=8, deep_dim=8, shallow_dim=16, depth=2, heads=1, mlp=8)
B0 = 5_288_548
"""Parameters of an EfficientNet-B0 with 1000 classes, as timm counts them."""


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def test_as_large_as_published():
    with torch.device("meta"):
        network = Cevit().build(BuildContext())
    own = sum(value.numel() for value in network.parameters())
    trunks = sum(
        value.numel()
        for maps in (network.deep_maps, network.shallow_maps)
        for value in maps.parameters()
    )
    positions = (1025 - 2) * 192 + (17 - 2) * 384
    # 101.4 M in print count both EfficientNets whole and positions that no token has.
    assert round((own - trunks + 2 * B0 + positions) / 1e6, 1) == 101.4


@pytest.mark.parametrize("beside", [None, drawn(3, 5, 16)])
def test_attention_is_that_of_pytorch(beside):
    ours = Attention(16, heads=2, dropout=0.0).eval()
    theirs = nn.MultiheadAttention(128, 2, bias=False, kdim=16, vdim=16, batch_first=True)
    with torch.no_grad():
        theirs.q_proj_weight.copy_(torch.eye(128))
        key, value = ours.key_value.weight.chunk(2)
        theirs.k_proj_weight.copy_(key)
        theirs.v_proj_weight.copy_(value)
        theirs.out_proj.weight.copy_(torch.eye(128))
    x = drawn(3, 4, 16)
    normed = ours.norm(x)
    seen = normed if beside is None else torch.cat([normed, beside], 1)
    read, _ = theirs(ours.query(normed), seen, seen)
    torch.testing.assert_close(ours(x, beside), ours.out(read))


def test_maps_are_those_of_timm(images):
    network = SMALL.build(BuildContext(image_size=64)).eval()
    theirs = timm.create_model("tf_efficientnet_b0", num_classes=0).eval()
    theirs.load_state_dict(network.deep_maps.state_dict())
    x = network.normalise(images)
    torch.testing.assert_close(network.deep_maps(x), theirs.forward_features(x))
    stem = nn.Sequential(theirs.conv_stem, theirs.bn1, *theirs.blocks[0], theirs.blocks[1][0])
    for ours, value in zip(network.shallow_maps.parameters(), stem.parameters(), strict=True):
        ours.data.copy_(value)
    found = network.shallow_maps.train()(x)
    torch.testing.assert_close(found, stem.train()(x))
    assert found.shape == (4, 24, 16, 16)


def test_patches_are_linear_in_their_cells(images):
    network = SMALL.build(BuildContext(image_size=64)).eval()
    embedding = network.embed[1]
    maps = drawn(2, 24, 16, 16)
    tokens = embedding(maps)
    weight = embedding.patches.weight.flatten(1)
    first = maps[:, :, :8, 8:].flatten(1) @ weight.T + embedding.patches.bias
    torch.testing.assert_close(tokens[:, 2], first + embedding.positions[:, 2])
    torch.testing.assert_close(
        tokens[:, 0], (embedding.class_token + embedding.positions)[:, 0].expand(2, -1)
    )


def test_class_tokens_read_the_other_branch_and_patches_do_not():
    branches = Branch(8, 2, 1, 8, layers=1), Branch(8, 2, 1, 16, layers=1)
    stage = Stage(*branches, 2, 1, 8, 0.0).eval()
    deep, shallow = drawn(1, 5, 8), drawn(1, 5, 16)
    before, after = stage(deep, shallow), stage(deep, shallow * 2 + drawn(1, 5, 16))
    torch.testing.assert_close(before[0][:, 1:], after[0][:, 1:])
    assert not torch.allclose(before[0][:, 0], after[0][:, 0])


def test_branches_of_one_width_need_no_projection():
    crossing = Crossing(8, 8, 1, 0.0)
    assert isinstance(crossing.into, nn.Identity)
    assert crossing(drawn(2, 1, 8), drawn(2, 3, 8)).shape == (2, 1, 8)


def test_both_heads_are_added_and_no_slot_of_the_batch_matters(images):
    network = SMALL.build(BuildContext(image_size=64)).eval()
    logits = network(images)
    torch.testing.assert_close(network(images.flip(0)).flip(0), logits)
    torch.testing.assert_close(logits[:, 0], -logits[:, 1])
    for head in network.heads:
        head[1].bias.data += 1.0
    torch.testing.assert_close(network(images)[:, 1], logits[:, 1] + 1.0)


def test_patches_that_do_not_tile_are_told():
    (first, second) = Cevit().misfits(BuildContext(image_size=128))
    assert (first.field, second.field) == ("deep_patch", "shallow_patch")
    assert "map of 4" in first.message
    assert "map of 32" in second.message
    assert not list(Cevit().misfits(BuildContext(image_size=224)))
