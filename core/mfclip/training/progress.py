"""Showing a training while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from mfclip.text import counted
from mfclip.training.records import TOTAL, EpochRecord, StepReport, TrainingPlan, best_epoch

SECONDS_BETWEEN_LINES = 60.0
"""Where there is no terminal."""


class TrainingProgress(Protocol):
    """Called by the training loop, in this order: learning, begin, (step…, validating…, epoch)…,
    end."""

    def learning(self, parts: int) -> None:
        """Before so many pseudo-fakes learn from the real images, where there are any."""

    def begin(self, plan: TrainingPlan) -> None:
        """Before the first step."""

    def step(self, report: StepReport) -> None:
        """After each step; on a GPU several at once, some steps later."""

    def validating(self, done: int, total: int) -> None:
        """While the validation split is scored, in images."""

    def epoch(self, record: EpochRecord) -> None:
        """After each epoch's validation and checkpoint."""

    def end(self) -> None:
        """At the end, however it came."""


class SilentProgress:
    """Shows nothing."""

    def learning(self, parts: int) -> None:
        """Nothing."""

    def begin(self, plan: TrainingPlan) -> None:
        """Nothing."""

    def step(self, report: StepReport) -> None:
        """Nothing."""

    def validating(self, done: int, total: int) -> None:
        """Nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class RichProgress:
    """A bar with losses, best validation AUC, speed and time left; plain lines in a pipe."""

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._bar: Progress | None = None

    def learning(self, parts: int) -> None:
        """Say so."""
        self._say(f"{counted(parts, 'pseudo-fake')} of the recipe learning from the real images")

    def begin(self, plan: TrainingPlan) -> None:
        """Show the bar, on a terminal."""
        self._plan, self._history = plan, list(plan.history)
        self._started = self._line_at = self._clock()
        self._done = self._resumed_at = len(plan.history) * plan.steps + plan.done_steps
        if plan.finished:
            self._say(f"all {len(plan.history)} epochs were done already")
        elif self._done:
            self._say(f"resuming at epoch {len(plan.history) + 1}, step {plan.done_steps + 1}")
        if self._console.is_terminal:
            self._bar = self._make_bar()
            self._bar.start()

    def step(self, report: StepReport) -> None:
        """Move the bar and show the step's losses."""
        self._done += 1
        figures = f"{show_losses(report.losses)}{self._auc()}  {self._speed()}"
        if self._bar is not None:
            self._move(f"epoch {report.epoch}/{self._plan.epochs}", figures)
        elif self._clock() - self._line_at >= SECONDS_BETWEEN_LINES:
            place = f"epoch {report.epoch}/{self._plan.epochs} step {report.step}"
            self._say(f"{place}/{self._plan.steps}  {figures}")

    def validating(self, done: int, total: int) -> None:
        """Show how far the validation is."""
        if self._bar is not None:
            self._move("validating", f"{done}/{total} images{self._auc()}")

    def epoch(self, record: EpochRecord) -> None:
        """Print one line an epoch."""
        self._history.append(record)
        best = "  best so far" if best_epoch(self._history) is record else ""
        self._say(
            f"epoch {record.epoch}/{self._plan.epochs}  {show_losses(record.losses)}  "
            f"val AUC {record.val_auc:.4f}  {record.images_per_second:.1f} images/s  "
            f"{show_seconds(record.seconds)}{_pseudo_fakes(record)}{best}"
        )

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _make_bar(self) -> Progress:
        bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            transient=True,
        )
        bar.add_task("starting", total=self._plan.epochs * self._plan.steps, figures="")
        return bar

    def _move(self, place: str, figures: str) -> None:
        assert self._bar is not None
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=self._done, description=place, figures=figures)

    def _auc(self) -> str:
        return f"  val AUC {best_epoch(self._history).val_auc:.4f}" if self._history else ""

    def _speed(self) -> str:
        """Images a second and time left, from all since the start, validation included."""
        taken = max(self._clock() - self._started, 1e-9)
        a_second = (self._done - self._resumed_at) / taken
        left = (self._plan.epochs * self._plan.steps - self._done) / a_second
        images = a_second * self._plan.images / self._plan.steps
        return f"{images:.1f} images/s  {show_seconds(left)} left"

    def _say(self, line: str) -> None:
        self._line_at = self._clock()
        self._console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def show_losses(losses: Mapping[str, float]) -> str:
    """The sum first, then the terms, if there is more than one."""
    terms = {name: value for name, value in losses.items() if name != TOTAL}
    shown = [f"loss {losses[TOTAL]:.4f}"]
    if len(terms) > 1:
        shown += [f"{name} {value:.4f}" for name, value in terms.items()]
    return "  ".join(shown)


def _pseudo_fakes(record: EpochRecord) -> str:
    return f"  {counted(record.pseudo_fakes, 'pseudo-fake')}" if record.pseudo_fakes else ""


def show_seconds(seconds: float) -> str:
    """``42 s``, ``3:07 min`` or ``2:05 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"
