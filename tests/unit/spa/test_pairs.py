import math

import pytest
import torch
from torch import Tensor

from mfclip_spa.pairs import FeaturePairs, PositionPairs, PromptPairs, Side


def side(samples: int = 3, role: str = "image", width: int = 4, **rest: object) -> Side:
    return Side(role, torch.randn(samples, width), **rest)


def whole(pairs: torch.nn.Module, row: Side, column: Side) -> Tensor:
    return pairs.block(pairs.rows(row, column), column)


def test_starts_from_one_constant():
    for start in (0.5, 0.98):
        weight = PositionPairs(4, start).weight
        torch.testing.assert_close(weight.sigmoid(), torch.full((4, 4), start))
        a = whole(FeaturePairs(4, 2, start), side(), side(role="text"))
        torch.testing.assert_close(a.sigmoid(), torch.full((3, 3), start), atol=0.01, rtol=0)
    assert PositionPairs(4).weight.abs().max() == 0


def test_start_near_one_learns_thirteen_times_slower():
    """The figure of the module's docstring: the slope of the sigmoid at 0.98 against 0.5."""
    slopes = [start * (1 - start) for start in (0.5, 0.98)]
    assert math.floor(slopes[0] / slopes[1] + 0.5) == 13


def test_position_takes_the_leading_corner():
    pairs = PositionPairs(3)
    pairs.weight.data = torch.arange(9.0).view(3, 3)
    assert whole(pairs, side(2), side(2, "text")).tolist() == [[0, 1], [3, 4]]


def test_position_counts_from_the_place_of_the_first_sample():
    pairs = PositionPairs(4)
    pairs.weight.data = torch.arange(16.0).view(4, 4)
    assert whole(pairs, side(2, start=2), side(4)).tolist() == [[8, 9, 10, 11], [12, 13, 14, 15]]


def test_position_refuses_a_larger_batch():
    with pytest.raises(ValueError, match="at most max_batch = 3 pairs, received 4"):
        PositionPairs(3).rows(side(4), side(4))
    with pytest.raises(ValueError, match="at most max_batch = 3 pairs, received 4"):
        PositionPairs(3).rows(side(2, start=2), side(3))


def test_prompt_looks_up_both_classes():
    pairs = PromptPairs(2)
    pairs.weight.data = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    row, column = side(prompt=torch.tensor([1, 0, 1])), side(2, prompt=torch.tensor([0, 1]))
    assert whole(pairs, row, column).tolist() == [[2, 3], [0, 1], [2, 3]]


def test_prompt_class_form_takes_any_batch():
    many = side(100, prompt=torch.zeros(100, dtype=torch.int64))
    assert whole(PromptPairs(2), many, many).shape == (100, 100)


def test_prompt_class_form_needs_classes_of_the_batch():
    with pytest.raises(ValueError, match="pass prompt"):
        PromptPairs(2).rows(side(), side())
    two = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"shape \(3,\); received \(2,\)"):
        PromptPairs(2).rows(side(prompt=two), side(prompt=two))


def test_features_equal_the_formula_written_out():
    pairs = FeaturePairs(4, 2, 0.7)
    torch.nn.init.normal_(pairs.text)
    image, text = side(3), side(2, "text")
    a = whole(pairs, image, text)
    for i in range(3):
        for j in range(2):
            pv, qt = pairs.image.T @ image.features[i], pairs.text.T @ text.features[j]
            expected = math.log(0.7 / 0.3) + sum(pv[r] * qt[r] for r in range(2))
            assert a[i, j].item() == pytest.approx(expected.item(), abs=1e-5)


def test_features_give_one_pair_one_weight_both_ways():
    pairs = FeaturePairs(4)
    image, text = side(3), side(3, "text")
    torch.testing.assert_close(whole(pairs, image, text), whole(pairs, text, image).T)


def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match="features = 5; received image embeddings of width 4"):
        FeaturePairs(5).rows(side(), side())


@pytest.mark.parametrize("pairs", [PositionPairs(6), PromptPairs(2), FeaturePairs(4)])
def test_blocks_of_rows_make_up_the_whole(pairs):
    for parameter in pairs.parameters():
        torch.nn.init.normal_(parameter)
    prompt = torch.tensor([0, 1, 1, 0, 1, 0])
    row, column = side(6, prompt=prompt), side(6, "text", prompt=prompt)
    rows = pairs.rows(row, column)
    blocks = [pairs.block(piece, column) for piece in rows.split(4)]
    torch.testing.assert_close(torch.cat(blocks), whole(pairs, row, column))


def test_bad_sizes_and_starts_are_named():
    with pytest.raises(ValueError, match="max_batch must be at least 1, received 0"):
        PositionPairs(0)
    with pytest.raises(ValueError, match="rank must be at least 1, received 0"):
        FeaturePairs(4, 0)
    with pytest.raises(ValueError, match="initial_gate must lie between 0 and 1"):
        PromptPairs(2, 1.0)
