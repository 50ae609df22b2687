"""The TensorBoard log of a run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from mfclip.ranks.world import Ranks
from mfclip.training.records import EpochRecord, StepReport


class NoLog:
    """Writes nothing: of several processes one writes."""

    def step(self, report: StepReport) -> None:
        """Nothing."""

    def epoch(self, record: EpochRecord, step: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class TensorBoardLog:
    """Scalars by step of the optimiser. A resumed run hides what was logged past its checkpoint.

    The log is a by-product: where it cannot be written, it says so once and training goes on.
    """

    def __init__(self, folder: Path, resumed_at: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._lost = False
        purge = resumed_at + 1 if resumed_at else None
        try:
            self._writer = SummaryWriter(folder, purge_step=purge)
        except OSError as error:
            self._give_up(error)

    def step(self, report: StepReport) -> None:
        """Losses and learning rate of one step."""
        losses = {f"loss/{name}": value for name, value in report.losses.items()}
        self._add({**losses, "learning_rate": report.learning_rate}, report.total_step)

    def epoch(self, record: EpochRecord, step: int) -> None:
        """Validation figures and means of one epoch, at its last step."""
        means = {f"epoch_loss/{name}": value for name, value in record.losses.items()}
        figures = {
            "val/auc": record.val_auc,
            "val/loss": record.val_loss,
            "images_per_second": record.images_per_second,
        }
        made = {"pseudo_fakes": float(record.pseudo_fakes)} if record.pseudo_fakes else {}
        self._add({**means, **figures, **made}, step)

    def close(self) -> None:
        """Write what is pending."""
        if self._lost:
            return
        try:
            self._writer.close()
        except OSError as error:
            self._give_up(error)

    def _add(self, scalars: Mapping[str, float], step: int) -> None:
        if self._lost:
            return
        try:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._lost = True
        warnings.warn(f"the TensorBoard log in {self._folder} ends here: {error}", stacklevel=3)


def make_log(folder: Path, resumed_at: int, ranks: Ranks) -> TensorBoardLog | NoLog:
    """The log of the process that writes; the others' is none."""
    return TensorBoardLog(folder, resumed_at) if ranks.leads else NoLog()
