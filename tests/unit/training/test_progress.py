from __future__ import annotations

import io

import pytest
from rich.console import Console

from mfclip.training.progress import RichProgress, SilentProgress, show_losses, show_seconds
from mfclip.training.records import EpochRecord, StepReport, TrainingPlan

PLAN = TrainingPlan(epochs=2, steps=10, images=38)


class Clock:
    """Seconds since the start, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def report(step: int, epoch: int = 1) -> StepReport:
    losses = {"kl": 0.25, "ce": 0.5, "total": 0.75}
    return StepReport(epoch, step, step, 4, losses, 1e-4)


def record(epoch: int, auc: float) -> EpochRecord:
    return EpochRecord(epoch, {"ce": 0.5, "total": 0.5}, 1e-4, auc, 0.4, 75.0, 3.8)


def screen(terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=200, color_system=None, _environ={}
    )


def text(console: Console) -> str:
    return console.file.getvalue()


def drive(progress, clock: Clock, seconds: float) -> None:
    progress.begin(PLAN)
    for step in range(1, 11):
        clock.now += seconds
        progress.step(report(step))
    progress.validating(4, 8)
    progress.epoch(record(1, 0.8125))
    progress.end()


def test_a_pipe_gets_a_line_an_epoch():
    console, clock = screen(False), Clock()
    drive(RichProgress(console, clock), clock, seconds=2.0)
    assert text(console) == (
        "  epoch 1/2  loss 0.5000  val AUC 0.8125  3.8 images/s  1:15 min  best so far\n"
    )


def test_a_pipe_gets_a_line_a_minute_in_long_epochs():
    console, clock = screen(False), Clock()
    drive(RichProgress(console, clock), clock, seconds=25.0)
    lines = text(console).splitlines()
    assert len(lines) == 4
    assert lines[0] == (
        "  epoch 1/2 step 3/10  loss 0.7500  kl 0.2500  ce 0.5000  0.2 images/s  7:05 min left"
    )


def test_a_terminal_gets_a_bar_with_losses_auc_speed_and_time_left():
    console, clock = screen(True), Clock()
    progress = RichProgress(console, clock)
    progress.begin(PLAN)
    progress.epoch(record(1, 0.8125))
    clock.now = 4.0
    progress.step(report(1))
    assert progress._bar is not None
    progress._bar.refresh()
    progress.validating(4, 8)
    progress._bar.refresh()
    progress.end()
    shown = text(console)
    assert "epoch 1/2" in shown
    assert "kl 0.2500  ce 0.5000  val AUC 0.8125  0.9 images/s  1:16 min left" in shown
    assert "4/8 images" in shown


def test_a_resumed_run_counts_what_is_behind_it():
    console, clock = screen(False), Clock()
    progress = RichProgress(console, clock)
    progress.begin(TrainingPlan(2, 10, 38, history=(record(1, 0.9),), done_steps=4))
    clock.now = 61.0
    progress.step(report(5, epoch=2))
    progress.epoch(record(2, 0.8))
    lines = text(console).splitlines()
    assert lines[0] == "  resuming at epoch 2, step 5"
    assert lines[1].endswith("val AUC 0.9000  0.1 images/s  5:05 min left")
    assert "best so far" not in lines[2]


def test_a_finished_run_says_that_nothing_is_left():
    console = screen(False)
    RichProgress(console).begin(TrainingPlan(2, 10, 38, history=(record(1, 0.9),), finished=True))
    assert text(console) == "  all 1 epochs were done already\n"


def test_ending_twice_or_before_the_beginning_is_fine():
    progress = RichProgress(screen(True))
    progress.end()
    progress.begin(PLAN)
    progress.end()
    progress.end()


def test_silence(capsys):
    drive(SilentProgress(), Clock(), seconds=1.0)
    assert capsys.readouterr() == ("", "")


def test_one_term_is_not_repeated():
    assert show_losses({"ce": 0.5, "total": 0.5}) == "loss 0.5000"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (42.4, "42 s"), (187, "3:07 min"), (3599.6, "1:00 h"), (7500, "2:05 h")],
)
def test_seconds_for_people(seconds, shown):
    assert show_seconds(seconds) == shown
