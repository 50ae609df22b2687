"""The learning rate, the groups of batches that share a step, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mfclip.recipe.settings import TrainingSettings
from mfclip.training.records import EpochRecord, best_epoch


def learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Learning rate of a step of the optimiser, counted from 0 over all epochs.

    A drop every ``step_epochs`` (IV-A), or half a cosine that would reach 0 one step after the
    last. The first ``warmup_epochs`` rise to where the schedule starts, in equal steps.

    Parameters
    ----------
    steps
        In an epoch.
    """
    rising = settings.warmup_epochs * steps
    warmed = min(1.0, (step + 1) / rising) if rising else 1.0
    if settings.schedule == "step":
        falling = settings.step_factor ** (step // steps // settings.step_epochs)
    else:
        done = max(0.0, step - rising) / max(1.0, settings.epochs * steps - rising)
        falling = (1 + math.cos(math.pi * done)) / 2
    return settings.learning_rate * warmed * falling


def is_finished(settings: TrainingSettings, history: Sequence[EpochRecord]) -> bool:
    """Whether all epochs are done, or ``patience`` epochs passed without a better one."""
    return len(history) >= settings.epochs or is_stale(settings, history)


def is_stale(settings: TrainingSettings, history: Sequence[EpochRecord]) -> bool:
    """Whether the last ``patience`` epochs brought nothing better."""
    if settings.patience is None or not history:
        return False
    return history[-1].epoch - best_epoch(history).epoch >= settings.patience


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the batches of an epoch are grouped into steps of the optimiser."""

    images: int
    """In the training split."""
    batch_size: int
    accumulate: int
    """Batches in a group; the last group of an epoch may have fewer."""

    @property
    def batches(self) -> int:
        """In an epoch, the last partial one included."""
        return -(-self.images // self.batch_size)

    @property
    def steps(self) -> int:
        """Of the optimiser in an epoch."""
        return -(-self.batches // self.accumulate)

    def batch_images(self, batch: int) -> int:
        """Images in ``batch``; the last one of an epoch may have fewer."""
        return min(self.batch_size, self.images - batch * self.batch_size)

    def group_images(self, batch: int) -> int:
        """Images in the group that holds ``batch``.

        A batch weighs its share of them, so that the summed gradient is that of one batch of
        the whole group, the partial last group and batch included.
        """
        first = batch - batch % self.accumulate
        start = first * self.batch_size
        return min(start + self.accumulate * self.batch_size, self.images) - start

    def closes_group(self, batch: int) -> bool:
        """Whether the optimiser steps after ``batch``."""
        return (batch + 1) % self.accumulate == 0 or batch + 1 == self.batches
