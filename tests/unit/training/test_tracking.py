from __future__ import annotations

import warnings

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mfclip.training.records import EpochRecord, StepReport
from mfclip.training.tracking import TensorBoardLog


def report(step: int) -> StepReport:
    return StepReport(1, step, step, 4, {"kl": 0.5 * step, "total": 1.0 * step}, 1e-4)


def read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_steps_and_epochs_are_scalars(tmp_path):
    log = TensorBoardLog(tmp_path, 0)
    for step in (1, 2):
        log.step(report(step))
    log.epoch(EpochRecord(1, {"total": 1.5}, 1e-4, 0.75, 0.5, 2.0, 8.0), 2)
    log.close()
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("loss/kl")] == [(1, 0.5), (2, 1.0)]
    assert events.Scalars("learning_rate")[0].value == pytest.approx(1e-4)
    assert [(e.step, e.value) for e in events.Scalars("val/auc")] == [(2, 0.75)]
    assert events.Scalars("epoch_loss/total")[0].value == 1.5


def test_a_resumed_run_hides_what_came_after_its_checkpoint(tmp_path):
    first = TensorBoardLog(tmp_path, 0)
    for step in (1, 2, 3, 4):
        first.step(report(step))
    first.close()
    second = TensorBoardLog(tmp_path, 2)
    second.step(report(3))
    second.close()
    assert [e.step for e in read(tmp_path).Scalars("loss/total")] == [1, 2, 3]


def test_a_log_that_cannot_be_written_says_so_once_and_lets_training_go_on(tmp_path):
    (tmp_path / "logs").touch()
    with pytest.warns(UserWarning, match=r"the TensorBoard log in .*logs ends here"):
        log = TensorBoardLog(tmp_path / "logs", 0)
    assert_silent(log)


def test_a_disk_that_fills_up_is_told_once(tmp_path, monkeypatch):
    log = TensorBoardLog(tmp_path, 0)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._writer, "add_scalar", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        log.step(report(1))
    assert_silent(log)


def assert_silent(log: TensorBoardLog) -> None:
    """Once is enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.step(report(2))
        log.epoch(EpochRecord(1, {"total": 1.5}, 1e-4, 0.75, 0.5, 2.0, 8.0), 2)
        log.close()
