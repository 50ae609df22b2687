from __future__ import annotations

import json

from mfclip.training.records import EpochRecord, best_epoch


def record(epoch: int, auc: float, loss: float = 0.5) -> EpochRecord:
    return EpochRecord(epoch, {"total": 0.1 + 0.2}, 1e-4, auc, loss, 1.5, 10.0)


def test_a_line_gives_the_same_record_back():
    line = record(3, 1 / 3).as_line()
    assert "\n" not in line
    assert EpochRecord.from_dict(json.loads(line)) == record(3, 1 / 3)


def test_the_highest_auc_is_best():
    assert best_epoch([record(1, 0.5), record(2, 0.9), record(3, 0.8)]).epoch == 2


def test_the_lower_loss_breaks_a_tie():
    assert best_epoch([record(1, 0.9, 0.5), record(2, 0.9, 0.3), record(3, 0.9, 0.4)]).epoch == 2


def test_the_earlier_epoch_breaks_the_next():
    assert best_epoch([record(1, 0.8), record(2, 0.9), record(3, 0.9)]).epoch == 2
