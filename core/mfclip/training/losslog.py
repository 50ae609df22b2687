"""Reads losses from the device, seldom enough not to hold it up, and refuses what is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mfclip.errors import TrainingError
from mfclip.training.records import TOTAL, StepReport

STEPS_BETWEEN_READS = 10
"""On a GPU, where each read waits for all work before it. On a CPU every step is read."""


@dataclass
class LossLog:
    """Collects the losses of steps and hands them on as reports."""

    columns: Sequence[str]
    """Names of the values in each tensor."""
    device: torch.device
    sink: Callable[[StepReport], None]

    def __post_init__(self) -> None:
        self._pending: list[tuple[StepReport, Tensor]] = []
        self._room = 1 if self.device.type == "cpu" else STEPS_BETWEEN_READS

    def add(self, report: StepReport, values: Float[Tensor, " terms"]) -> None:
        """Take one step: its report, still without losses, and the values on the device.

        Raises
        ------
        TrainingError
            As :meth:`flush`.
        """
        self._pending.append((report, values))
        if len(self._pending) >= self._room:
            self.flush()

    def flush(self) -> None:
        """Hand on every step that was taken.

        Raises
        ------
        TrainingError
            Where a loss is not finite; names the first such step and its terms.
        """
        if not self._pending:
            return
        rows = torch.stack([values for _, values in self._pending]).tolist()
        reports = [report for report, _ in self._pending]
        self._pending = []
        for report, row in zip(reports, rows, strict=True):
            losses = dict(zip(self.columns, row, strict=True))
            _require_finite(report, losses)
            self.sink(replace(report, losses=losses))


def _require_finite(report: StepReport, losses: dict[str, float]) -> None:
    wrong = [name for name, value in losses.items() if not math.isfinite(value)]
    if not wrong:
        return
    terms = ", ".join(f"{name} = {value:g}" for name, value in losses.items() if name != TOTAL)
    raise TrainingError(
        f"the loss is not finite at step {report.total_step} (epoch {report.epoch}, step "
        f"{report.step} in it): {terms}. The last checkpoint is intact. A lower "
        "training.learning_rate, or training.precision = 'fp32', may help"
    )
