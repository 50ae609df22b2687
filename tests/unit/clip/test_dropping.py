"""Patches and blocks that training leaves out at random, and scoring does not."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from mfclip.parts import BuildContext
from mfclip.training.seeds import seed_batch
from mfclip.training.weights import train_unfrozen
from mfclip_clip import towers
from mfclip_clip.blocks import through
from mfclip_clip.parts import ClipVit

from .conftest import IMAGE

CPU = torch.device("cpu")
SMALL = {**IMAGE, "patch": 8}
"""16 patches of an image of 32×32 pixels."""


@pytest.fixture
def build():
    """Settings -> a small encoder in training mode, the same weights each time."""

    def make(**settings):
        torch.manual_seed(0)
        return ClipVit(**SMALL, **settings).build(BuildContext(image_size=32)).train()

    return make


def lengths(module, images):
    """Tokens behind each block."""
    return [tokens.shape[1] for _, tokens in module._blocks(images)]


@pytest.mark.parametrize(("share", "left"), [(0.0, 16), (0.25, 12), (0.5, 8), (0.99, 1)])
def test_that_share_of_the_patches_is_left_out_in_training_alone(build, images, share, left):
    module = build(patch_dropout=share)
    assert lengths(module, images) == [1 + left] * 2
    assert lengths(module.eval(), images) == [17] * 2


@pytest.mark.parametrize("settings", [{"patch_dropout": 0.5}, {"drop_path": 0.5}])
def test_scoring_is_what_it_is_without_them(build, images, settings):
    dropping, plain = build(**settings), build()
    assert dropping.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(dropping.eval()(images), plain.eval()(images))
    torch.manual_seed(3)
    assert not torch.allclose(dropping.train()(images), plain(images), atol=1e-3)


@torch.no_grad()
def test_the_tokens_left_are_the_class_token_and_patches_in_their_places(build, images):
    """Each one behind the embedding is one of the whole image's, no two are the same."""
    whole = build()
    every = whole.tower._embeds(images)
    torch.manual_seed(1)
    left = build(patch_dropout=0.5).tower._embeds(images)
    for all_of, some in zip(every, left, strict=True):
        apart = torch.cdist(some, all_of)
        places = apart.argmin(1)
        assert apart.min(1).values.max() < 1e-4
        assert places[0] == 0
        assert len(set(places.tolist())) == len(places) == 9
    assert len({tuple(some[1].tolist()) for some in left}) == 3  # each image its own


@torch.no_grad()
def test_the_mean_is_of_the_patches_that_are_left(build, images):
    module = build(patch_dropout=0.5, read=(1, 2), pool="both")
    torch.manual_seed(2)
    tokens = [tokens for _, tokens in module._blocks((images - module.mean) / module.std)]
    torch.manual_seed(2)
    expected = [part for t in tokens for part in (t[:, 0], t[:, 1:].sum(1) / 8)]
    torch.testing.assert_close(module(images), torch.cat(expected, 1))


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_batch_draws_the_same_again_and_another_one_others(build, images, checkpoint):
    module = build(patch_dropout=0.5, drop_path=0.5, checkpoint=checkpoint)

    def run(epoch, batch):
        seed_batch(7, epoch, batch, CPU)
        module.zero_grad()
        embedding = module(images)
        embedding.square().sum().backward()
        return embedding, module.tower.conv1.weight.grad.clone()

    first, again, other = run(2, 5), run(2, 5), run(2, 6)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])


def test_blocks_computed_anew_drop_the_same(build, images):
    def gradients(checkpoint):
        module = build(drop_path=0.7, checkpoint=checkpoint)
        torch.manual_seed(4)
        module(images).square().sum().backward()
        return {name: p.grad for name, p in module.named_parameters()}

    plain, anew = gradients(False), gradients(True)
    for name, gradient in plain.items():
        torch.testing.assert_close(anew[name], gradient)


@torch.no_grad()
def test_a_dropped_sample_passes_by_and_a_kept_one_is_scaled(build):
    """Each branch by itself: what is added is nothing, or 1 / (1 - drop) of what it was."""
    block = build().tower.transformer.resblocks[0]
    tokens = torch.randn(400, 5, 32)
    nn.init.zeros_(block.mlp.c_proj.weight)  # the perceptron adds its bias, which is zero
    nn.init.zeros_(block.mlp.c_proj.bias)
    added = through(block, tokens) - tokens
    torch.manual_seed(5)
    found = through(block, tokens, 0.25) - tokens
    dropped = (found == 0).flatten(1).all(1)
    assert 0.15 < dropped.float().mean() < 0.35  # 4.6 deviations of 400 draws
    torch.testing.assert_close(found[~dropped], added[~dropped] / 0.75, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_both_branches_draw_for_themselves_and_their_mean_stays(build):
    block = build().tower.transformer.resblocks[0]
    tokens = torch.randn(1, 5, 32)
    kept = through(block, tokens, 0.0) - tokens
    torch.manual_seed(6)
    found = through(block, tokens.expand(4000, 5, 32), 0.5) - tokens
    outcomes = {tuple(row.round(decimals=3).tolist()) for row in found[:, 0]}
    assert len(outcomes) == 4  # both, one, the other, none
    nn.init.zeros_(block.mlp.c_proj.weight)
    found = through(block, tokens.expand(4000, 5, 32), 0.5) - tokens
    kept = through(block, tokens) - tokens
    torch.testing.assert_close(found.mean(0, keepdim=True), kept, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"layers": 4}, [0.1, 0.2, 0.3, 0.4]), ({"layers": 4, "read": (2,)}, [0.2, 0.4])],
)
def test_the_share_rises_with_depth_to_the_last_block_that_runs(
    images, monkeypatch, settings, expected
):
    seen = []

    def spy(block, tokens, drop=0.0):
        seen.append(drop)
        return through(block, tokens, drop)

    monkeypatch.setattr(towers, "through", spy)
    part = ClipVit(**{**SMALL, **settings}, drop_path=0.4)
    module = part.build(BuildContext(image_size=32)).train()
    module(images)
    assert seen == pytest.approx(expected)
    seen.clear()
    module.eval()(images)
    assert seen == [0.0] * len(expected)


@pytest.mark.parametrize("tune", ["layernorm", "lora"])
def test_a_tower_that_learns_in_part_drops_too(tune, images, open_clip_file):
    part = ClipVit(**IMAGE, weights=open_clip_file, tune=tune, patch_dropout=0.5, drop_path=0.5)
    detector = nn.ModuleDict({"vision": part.build(BuildContext(image_size=32))})
    train_unfrozen(detector)
    module = detector["vision"]
    assert module.training
    assert lengths(module, images) == [3, 3]  # of 4 patches


@pytest.mark.parametrize("name", ["patch_dropout", "drop_path"])
def test_a_tower_that_does_not_learn_has_nothing_to_drop(name):
    with pytest.raises(ValidationError, match=f"{name} is of a tower that learns; got 0.5 with"):
        ClipVit(weights="clip-vit-b16", tune="none", **{name: 0.5})


@pytest.mark.parametrize("name", ["patch_dropout", "drop_path"])
@pytest.mark.parametrize("value", [1, -0.1])
def test_shares_out_of_range_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        ClipVit(**{name: value})
