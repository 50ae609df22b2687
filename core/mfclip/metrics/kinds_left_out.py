"""Choosing by kinds of forgery that were left out: figures, choice, pooled scores.

For every candidate and every kind, a detector was trained without the kind, and after each epoch
its AUC on that kind was taken. Candidate and epoch with the highest mean over kinds are chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from pydantic import Field

from mfclip.metrics.results import Frozen
from mfclip.recipe.candidates import described


class FoldFigures(Frozen):
    """How well detectors that never saw a kind tell it from real."""

    kind: str
    reals: int
    """Validation images that it is compared with."""
    fakes: int
    """Validation images of the kind."""
    auc: tuple[float, ...] = Field(min_length=1)
    """After each epoch, 0-1."""
    caution: str = ""
    """What to beware of; usually nothing."""


class CandidateFigures(Frozen):
    """One candidate over all kinds."""

    settings: dict[str, Any]
    """Values by dotted key of the recipe; empty where there was but one candidate."""
    folds: tuple[FoldFigures, ...] = Field(min_length=1)

    @property
    def mean(self) -> tuple[float, ...]:
        """Plain mean of the kinds' AUCs, after each epoch."""
        return tuple(
            float(np.mean(epoch)) for epoch in zip(*(f.auc for f in self.folds), strict=True)
        )

    @property
    def best(self) -> int:
        """Epoch, from 1, of the highest mean; the earliest of equal ones."""
        return int(np.argmax(self.mean)) + 1

    def __str__(self) -> str:
        return described(self.settings)


class Choice(Frozen):
    """What was chosen, and from what."""

    column: str
    """Column of the manifest whose kinds were left out: ``generator``, ``forgery`` and so on."""
    candidates: tuple[CandidateFigures, ...] = Field(min_length=1)
    candidate: int = Field(ge=1)
    """Number of the chosen one."""
    epoch: int = Field(ge=1)
    """Epoch of all kinds' training whose weights are kept."""
    auc: float
    """Mean over the kinds, of the chosen candidate after that epoch; 0-1."""

    @property
    def chosen(self) -> CandidateFigures:
        """The figures of the chosen candidate."""
        return self.candidates[self.candidate - 1]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What was left out, one at a time."""
        return tuple(fold.kind for fold in self.chosen.folds)

    def __str__(self) -> str:
        """``training.learning_rate=0.001, epoch 3: mean AUC 81.2 over 6 kinds left out``."""
        setting = f"{self.chosen}, " if self.chosen.settings else ""
        kinds = f"{len(self.kinds)} kinds left out ({self.column})"
        return f"{setting}epoch {self.epoch}: mean AUC {100 * self.auc:.1f} over {kinds}"


def choose(column: str, candidates: Sequence[CandidateFigures]) -> Choice:
    """The highest mean AUC; of equal ones the earliest epoch, and of those the first candidate."""
    auc, epoch, number = max(
        (auc, -epoch, -number)
        for number, candidate in enumerate(candidates, 1)
        for epoch, auc in enumerate(candidate.mean, 1)
    )
    return Choice(
        column=column,
        candidates=tuple(candidates),
        candidate=-number,
        epoch=-epoch,
        auc=auc,
    )


def pooled(
    images: int, folds: Iterable[tuple[Sequence[int], Float64[NDArray[Any], " judged"]]]
) -> Float64[NDArray[Any], " images"]:
    """One log-odds for each of some images, from the folds that scored it; NaN: none did.

    A fake is of one kind, so one fold scores it: the detector that never saw its kind. A real is
    scored by the fold of every kind that it is compared with, and gets the mean: it counts once,
    as a fake does.

    Parameters
    ----------
    folds
        Of each fold the places of the images that it scored, and their log-odds.
    """
    total, times = np.zeros(images), np.zeros(images)
    for places, log_odds in folds:
        total[list(places)] += log_odds
        times[list(places)] += 1
    mean = np.full(images, np.nan)
    np.divide(total, times, out=mean, where=times > 0)
    return mean
