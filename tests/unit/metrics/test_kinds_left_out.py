"""The choice by kinds left out and its pooled scores, against sums by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfclip.metrics.kinds_left_out import CandidateFigures, Choice, FoldFigures, choose, pooled


def candidate(*folds: tuple[float, ...], **settings: object) -> CandidateFigures:
    """Of each kind the AUC after each epoch."""
    return CandidateFigures(
        settings=settings,
        folds=tuple(
            FoldFigures(kind=f"kind {i}", reals=3, fakes=2, auc=auc) for i, auc in enumerate(folds)
        ),
    )


def place(choice: Choice) -> tuple[int, int]:
    return choice.candidate, choice.epoch


def test_the_highest_mean_over_kinds_wins_not_the_highest_auc():
    one = candidate((1.0, 0.5), (0.25, 0.5), rate=1)
    other = candidate((0.75, 0.75), (0.5, 0.75), rate=2)
    choice = choose("generator", [one, other])
    assert place(choice) == (2, 2)
    assert choice.auc == 0.75
    assert choice.chosen == other
    assert (one.mean, one.best) == ((0.625, 0.5), 1)
    assert str(choice) == ("rate=2, epoch 2: mean AUC 75.0 over 2 kinds left out (generator)")


def test_a_tie_goes_to_the_earlier_epoch_then_to_the_earlier_candidate():
    late = candidate((0.5, 0.75), (0.5, 0.75))
    early = candidate((1.0, 0.5), (0.5, 0.5))
    assert place(choose("family", [late, early])) == (2, 1)
    assert place(choose("family", [early, early])) == (1, 1)
    assert place(choose("family", [late, late])) == (1, 2)


AUCS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@given(st.lists(st.lists(st.tuples(AUCS, AUCS), min_size=1, max_size=4), min_size=1, max_size=4))
def test_nothing_else_is_better_and_nothing_as_good_is_earlier(grid):
    """Candidates of two kinds and as many epochs as each has."""
    found = choose("group", [candidate(*zip(*epochs, strict=True)) for epochs in grid])
    means = {
        (epoch, number): sum(aucs) / 2
        for number, epochs in enumerate(grid, 1)
        for epoch, aucs in enumerate(epochs, 1)
    }
    best = max(means.values())
    assert (found.epoch, found.candidate) == min(k for k, mean in means.items() if mean == best)
    assert found.auc == best


def test_candidates_may_have_different_numbers_of_epochs():
    assert place(choose("group", [candidate((0.5,)), candidate((0.25, 0.75))])) == (2, 2)


def test_a_choice_survives_json():
    choice = choose("generator", [candidate((0.1 + 0.2,), **{"training.learning_rate": 1e-4})])
    assert Choice.model_validate(json.loads(choice.model_dump_json())) == choice


def test_a_real_of_several_folds_counts_once_with_its_mean():
    """Images 0 and 1 are real and in two folds and one, 2 and 3 are fakes, 4 is in none."""
    found = pooled(5, [((0, 2), np.array([1.0, 7.0])), ((0, 1, 3), np.array([2.0, -3.0, 8.0]))])
    assert found.tolist()[:4] == [1.5, -3.0, 7.0, 8.0]
    assert math.isnan(found[4])


def test_pooling_wants_a_score_for_every_place():
    with pytest.raises(ValueError, match="shape"):
        pooled(3, [((0, 1), np.array([1.0, 2.0, 3.0]))])
