from itertools import pairwise

import pytest
import torch

from mfclip.parts import BuildContext
from mfclip_corruptions.block import GREY, SIDE, add_blocks, block_count
from mfclip_corruptions.parts import Block


def build(count="scaled"):
    return Block(count=count).build(BuildContext())


def changed(image, result):
    return (image != result).any(0)


def test_the_original_count():
    """blocks x floor(side / 256), the side being the shorter one."""
    sizes = {(255, 999): 0, (256, 256): 80, (511, 600): 80, (512, 512): 160, (1080, 1920): 320}
    assert {size: block_count(*size, 80, "original") for size in sizes} == sizes


def test_the_scaled_count():
    sizes = {(1, 1): 1, (32, 64): 10, (112, 112): 35, (224, 224): 70, (1080, 1920): 338}
    assert {size: block_count(*size, 80, "scaled") for size in sizes} == sizes


def test_both_counts_agree_at_multiples_of_256():
    for blocks in Block.blocks:
        for side in (256, 512, 1024):
            assert block_count(side, side, blocks, "scaled") == side // 256 * blocks
            assert block_count(side, side, blocks, "original") == side // 256 * blocks
    image = torch.zeros(3, 256, 300, dtype=torch.uint8)
    assert torch.equal(build("scaled")(image, 2, 9), build("original")(image, 2, 9))


@pytest.mark.parametrize("level", range(1, 6))
def test_the_original_does_nothing_at_224_and_ours_does(photo, level):
    """A suite that runs the original on crops of 224 pixels measures clean images."""
    image = photo("face", 224)
    assert torch.equal(build("original")(image, level, 1), image)
    share = changed(image, build("scaled")(image, level, 1)).float().mean()
    assert 0.8 * level < 100 * share < 2 * level


def test_at_256_level_five_changes_seven_percent():
    image = torch.zeros(3, 256, 256, dtype=torch.uint8)
    shares = [
        changed(image, build("original")(image, 5, seed)).float().mean() for seed in range(20)
    ]
    assert 100 * sum(shares) / 20 == pytest.approx(7.5, abs=0.2)


def test_blocks_are_grey_squares_and_the_rest_stays(static):
    result = add_blocks(static[None], 1, [4], count="scaled")[0]
    rows, columns = changed(static, result).nonzero(as_tuple=True)
    top, left = int(rows.min()), int(columns.min())
    wanted = static.clone()
    wanted[:, top : top + SIDE, left : left + SIDE] = GREY
    assert torch.equal(result, wanted)


def test_every_place_can_be_hit_as_often():
    """The corners too: places run from 0 to side - 8, both included."""
    image = torch.zeros(2000, 3, 10, 10, dtype=torch.uint8)
    result = add_blocks(image, 1, range(2000), count="scaled")
    tops = (result[:, 0].amax(2) > 0).int().argmax(1)
    lefts = (result[:, 0].amax(1) > 0).int().argmax(1)
    hits = torch.bincount(3 * tops + lefts, minlength=9)
    assert len(hits) == 9
    assert (hits - 2000 / 9).abs().max() < 5 * (2000 / 9) ** 0.5


def test_a_level_adds_to_the_blocks_of_the_one_before():
    image = torch.zeros(3, 224, 224, dtype=torch.uint8)
    levels = [changed(image, build()(image, level, 3)) for level in range(1, 6)]
    for weaker, stronger in pairwise(levels):
        assert not (weaker & ~stronger).any()


def test_images_smaller_than_a_block():
    image = torch.zeros(3, 5, 3, dtype=torch.uint8)
    assert (build()(image, 1, 0) == GREY).all()
