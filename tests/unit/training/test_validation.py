from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import DataError, TrainingError
from mfclip.training.validation import check_splits, is_fake, judge


def manifest(*labels: str) -> Manifest:
    rows = tuple(Row(Path(f"{i}.png"), HierarchicalLabel(label)) for i, label in enumerate(labels))
    return Manifest(Path(), rows)


def test_loss_is_torchs_cross_entropy_and_auc_the_share_of_right_pairs():
    truth = np.array([True, False, True, False, False])
    log_odds = np.array([0.3, -2.0, -0.5, 0.1, 40.0])
    logits = torch.stack([torch.zeros(5), torch.from_numpy(log_odds)], 1)
    oracle = torch.nn.functional.cross_entropy(logits, torch.from_numpy(truth).long())
    pairs = [log_odds[i] > log_odds[j] for i in (0, 2) for j in (1, 3, 4)]
    found = judge(truth, log_odds)
    assert found.loss == pytest.approx(oracle.item())
    assert found.auc == pytest.approx(np.mean(pairs))


def test_large_log_odds_do_not_overflow():
    assert judge(np.array([True, False]), np.array([-1e4, 1e4])).loss == pytest.approx(1e4)


def test_a_score_that_is_not_finite_is_an_error():
    with pytest.raises(TrainingError, match="1 of 2 validation images"):
        judge(np.array([True, False]), np.array([0.0, np.nan]))


def test_truth_in_manifest_order():
    assert is_fake(manifest("fake", "real", "fake")).tolist() == [True, False, True]


@pytest.mark.parametrize("labels", [(), ("real",), ("fake", "fake")])
def test_each_split_needs_both_classes(labels):
    both = manifest("real", "fake")
    check_splits(both, both)
    counts = f"{labels.count('real')} real and {labels.count('fake')} fake"
    with pytest.raises(DataError, match=f"the training split holds {counts}"):
        check_splits(manifest(*labels), both)
    with pytest.raises(DataError, match=f"the validation split holds {counts}"):
        check_splits(both, manifest(*labels))
