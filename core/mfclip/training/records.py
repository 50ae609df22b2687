"""What training tells: a report a step, a record an epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TOTAL = "total"
"""Name of the weighted sum among the losses."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of the optimiser."""

    epoch: int
    """From 1."""
    step: int
    """Within the epoch, from 1."""
    total_step: int
    """Within the run, from 1."""
    images: int
    """Images in this step."""
    losses: Mapping[str, float]
    """Each term unweighted, and ``total``: their weighted sum."""
    learning_rate: float


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch and its validation."""

    epoch: int
    """From 1."""
    losses: dict[str, float]
    """Means over the epoch's images; as in :class:`StepReport`."""
    learning_rate: float
    val_auc: float
    """0-1."""
    val_loss: float
    """Mean cross-entropy of the validation split, nats."""
    seconds: float
    """Training and validation together."""
    images_per_second: float
    """While training, without the validation."""
    pseudo_fakes: int = 0
    """Training images of the epoch that were made of real ones, in the place of fakes."""

    def as_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EpochRecord:
        """The record whose :meth:`as_line` gave these values."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How much there is to do, told before the first step."""

    epochs: int
    steps: int
    """In one epoch."""
    images: int
    """In one epoch."""
    history: tuple[EpochRecord, ...] = ()
    """Epochs that a resumed run has behind it."""
    done_steps: int = 0
    """In the epoch that a resumed run goes on with."""
    finished: bool = False
    """Of a resumed run: nothing is left to do."""


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord:
    """The epoch of the highest validation AUC; the lower loss breaks a tie, then the earlier."""
    return max(history, key=lambda record: (record.val_auc, -record.val_loss, -record.epoch))


def kept_epoch(history: Sequence[EpochRecord], until: int | None = None) -> EpochRecord | None:
    """The epoch whose weights are kept: ``until`` where it is given, else the best one.

    None where there is no epoch yet, or the one to keep has not come.
    """
    if until is not None:
        return history[until - 1] if len(history) >= until else None
    return best_epoch(history) if history else None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a training went."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    """From 1; the epoch whose weights the detector holds."""
    best_val_auc: float
    """Of that epoch."""
    stopped_early: bool
    """Whether patience ended it before the last epoch."""
