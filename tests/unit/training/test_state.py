from __future__ import annotations

import json

import pytest

from mfclip.training.records import EpochRecord
from mfclip.training.state import RunState


def test_means_weigh_by_images():
    state = RunState()
    state.add({"a": 1.0, "total": 2.0}, 3)
    state.add({"a": 5.0, "total": 6.0}, 1)
    assert state.means() == pytest.approx({"a": 2.0, "total": 3.0})


def test_the_next_epoch_starts_from_nothing():
    state = RunState(epoch=1, batch=7, step=20)
    state.add({"a": 1.0}, 3)
    record = EpochRecord(2, state.means(), 1e-4, 0.5, 0.5, 1.0, 1.0)
    state.end_epoch(record)
    assert (state.epoch, state.batch, state.step) == (2, 0, 20)
    assert state.means() == {}
    assert state.history == [record]


def test_json_gives_the_same_state_back():
    state = RunState(epoch=1, batch=2, step=5, seconds=1 / 3)
    state.add({"a": 0.1 + 0.2}, 7)
    state.history.append(EpochRecord(1, {"a": 1 / 7}, 1e-4, 2 / 3, 0.5, 1.0, 1.0))
    assert RunState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
