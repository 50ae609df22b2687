from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from mfclip.metrics.curves import Ranking


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_a_weight_counts_like_so_many_copies(decimals):
    rng = np.random.default_rng(decimals)
    fake = np.arange(50) % 2 == 0
    score = np.round(rng.normal(size=50) + fake, decimals)
    weights = rng.integers(0, 4, size=(20, 50))
    sweep = Ranking.make(fake, score).sweep(weights)
    for row, auc, ap in zip(weights, sweep.roc_auc(), sweep.average_precision(), strict=True):
        f, s = np.repeat(fake, row), np.repeat(score, row)
        assert auc == pytest.approx(oracle.roc_auc_score(f, s), abs=1e-12)
        assert ap == pytest.approx(oracle.average_precision_score(f, s), abs=1e-12)


def test_a_weighting_without_a_class_is_nan_and_leaves_the_others_alone():
    sweep = Ranking.make(np.array([True, False]), np.array([1.0, 0.0])).sweep(
        np.array([[1, 0], [0, 1], [1, 1]])
    )
    for values in (
        sweep.roc_auc(),
        sweep.average_precision(),
        sweep.equal_error_rate(),
        sweep.tpr_at_fpr(0.1),
    ):
        assert np.isnan(values).tolist() == [True, True, False]


def test_equal_scores_are_one_step():
    ranking = Ranking.make(np.array([True, False, True]), np.array([1.0, 1.0, 0.0]))
    assert ranking.sweep(np.ones((1, 3))).fakes.tolist() == [[0, 1, 2]]


def test_rates_at_a_step():
    ranking = Ranking.make(np.array([True, False, True, False]), np.array([4.0, 3, 2, 1]))
    accuracy, alarms, found = ranking.sweep(np.ones((1, 4))).at(2)
    assert (accuracy[0], alarms[0], found[0]) == (0.5, 0.5, 0.5)
