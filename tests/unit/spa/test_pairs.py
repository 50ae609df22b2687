import math

import pytest
import torch

from mfclip_spa.pairs import PositionPairs, PromptPairs


def test_starts_from_one_constant():
    for start in (0.5, 0.98):
        weight = PositionPairs(4, start).weight
        torch.testing.assert_close(weight.sigmoid(), torch.full((4, 4), start))
    assert PositionPairs(4).weight.abs().max() == 0


def test_start_near_one_learns_thirteen_times_slower():
    """The figure of the module's docstring: the slope of the sigmoid at 0.98 against 0.5."""
    slopes = [start * (1 - start) for start in (0.5, 0.98)]
    assert math.floor(slopes[0] / slopes[1] + 0.5) == 13


def test_position_takes_the_leading_corner():
    pairs = PositionPairs(3)
    pairs.weight.data = torch.arange(9.0).view(3, 3)
    assert pairs(2, None).tolist() == [[0, 1], [3, 4]]


def test_position_refuses_a_larger_batch():
    with pytest.raises(ValueError, match="at most max_batch = 3 pairs, received 4"):
        PositionPairs(3)(4, None)


def test_prompt_looks_up_both_classes():
    pairs = PromptPairs(2)
    pairs.weight.data = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert pairs(3, torch.tensor([1, 0, 1])).tolist() == [[3, 2, 3], [1, 0, 1], [3, 2, 3]]


def test_prompt_class_form_takes_any_batch():
    assert PromptPairs(2)(100, torch.zeros(100, dtype=torch.int64)).shape == (100, 100)


def test_prompt_class_form_needs_classes_of_the_batch():
    with pytest.raises(ValueError, match="pass prompt"):
        PromptPairs(2)(3, None)
    with pytest.raises(ValueError, match=r"shape \(3,\); received \(2,\)"):
        PromptPairs(2)(3, torch.tensor([0, 1]))


def test_bad_sizes_and_starts_are_named():
    with pytest.raises(ValueError, match="max_batch must be at least 1, received 0"):
        PositionPairs(0)
    with pytest.raises(ValueError, match="initial_gate must lie between 0 and 1"):
        PromptPairs(2, 1.0)
