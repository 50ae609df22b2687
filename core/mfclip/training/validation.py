"""How good the detector is on the validation split, after an epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mfclip.errors import DataError, TrainingError
from mfclip.ranks.world import ALONE, Ranks

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor
    from mfclip.detector.base import DetectorModule


@dataclass(frozen=True, slots=True)
class Validation:
    """What the choice of the best epoch rests on."""

    auc: float
    loss: float
    """Mean cross-entropy, nats."""
    log_odds: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), compare=False)
    """Of each image, in manifest order."""


@dataclass(frozen=True)
class Validator:
    """Scores the validation split with the detector as it is."""

    detector: DetectorModule
    manifest: Manifest
    preprocessor: Preprocessor
    batch_size: int
    workers: int | None
    device: torch.device
    precision: torch.dtype
    ranks: Ranks = ALONE

    def __call__(self, progress: Callable[[int, int], None]) -> Validation:
        """Score every image in evaluation mode, and leave the detector in training mode.

        Raises
        ------
        TrainingError
            Where a score is not finite.
        """
        from mfclip.inference.predict import predict_log_odds

        self.detector.eval()
        log_odds = predict_log_odds(
            self.detector,
            self.manifest,
            self.preprocessor,
            batch_size=self.batch_size,
            workers=self.workers,
            device=self.device,
            precision=self.precision,
            progress=progress,
            ranks=self.ranks,
        )
        self.detector.train()
        return judge(is_fake(self.manifest), log_odds)


def judge(truth: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> Validation:
    """AUC and cross-entropy of log-odds.

    Raises
    ------
    TrainingError
        Where one of them is not finite.
    """
    from mfclip.metrics.measures import roc_auc

    wrong = int((~np.isfinite(log_odds)).sum())
    if wrong:
        raise TrainingError(
            f"the detector gives {wrong} of {len(log_odds)} validation images a score that is not "
            "finite; a lower training.learning_rate or precision fp32 may help"
        )
    loss = np.logaddexp(0.0, np.where(truth, -log_odds, log_odds)).mean()
    return Validation(float(roc_auc(truth, log_odds)), float(loss), log_odds)


def is_fake(manifest: Manifest) -> NDArray[np.bool_]:
    """The truth, in manifest order."""
    return np.array([row.is_fake for row in manifest.rows], dtype=np.bool_)


def check_splits(train: Manifest, val: Manifest) -> None:
    """Raise :class:`DataError` where a split lacks real or fake images."""
    for name, manifest in (("training", train), ("validation", val)):
        fake = int(is_fake(manifest).sum())
        real = len(manifest.rows) - fake
        if not (fake and real):
            raise DataError(
                f"the {name} split holds {real} real and {fake} fake images, and needs both; "
                "check the data's split column, or data.split"
            )
