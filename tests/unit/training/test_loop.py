"""The loop as a whole, on a detector of some hundred parameters."""

from __future__ import annotations


def test_exactly_as_many_epochs_as_asked(fit):
    result = fit(epochs=3).result
    assert [record.epoch for record in result.history] == [1, 2, 3]
