"""What is trained, on what, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfclip.ranks.shares import Shares
from mfclip.ranks.world import ALONE, Ranks
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.feed import Feed
from mfclip.training.fingerprint import (
    data_fingerprint,
    detector_fingerprint,
    flat,
    objective_fingerprint,
    settings_fingerprint,
)
from mfclip.training.objective import Objective
from mfclip.training.schedule import Grouping
from mfclip.training.seeds import common_seed
from mfclip.training.validation import Validator

if TYPE_CHECKING:
    from mfclip.data.loader import Batch
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor
    from mfclip.data.prompts import PromptTable
    from mfclip.detector.base import DetectorModule
    from mfclip.training.augment import Augmenter
    from mfclip.training.pseudo import PseudoFakes, RealImages


@dataclass(frozen=True)
class Job:
    """The inputs of one training."""

    detector: DetectorModule
    objective: Objective
    train: Manifest
    val: Manifest
    prompts: PromptTable | None
    preprocessor: Preprocessor
    settings: TrainingSettings
    device: torch.device
    precision: torch.dtype
    augment: Augmenter | None = None
    """What changes the training images; None: nothing does."""
    pseudo: PseudoFakes | None = None
    """What makes fakes of the real ones; None: nothing does."""
    scored: Callable[[int, NDArray[np.float64]], None] | None = None
    """Is told an epoch, from 1, and the log-odds of its validation, before its checkpoint."""
    until: int | None = None
    """The epoch, from 1, to end with and to keep; None: all are run and the best is kept."""
    ranks: Ranks = ALONE
    """The processes that train together."""

    @property
    def grouping(self) -> Grouping:
        """How an epoch's batches form steps."""
        return Grouping(len(self.train), self.settings.batch_size, self.settings.accumulate)

    @property
    def validator(self) -> Validator:
        """What scores the validation split."""
        return Validator(
            self.detector,
            self.val,
            self.preprocessor,
            self.settings.batch_size,
            self.ranks.workers(self.settings.workers),
            self.device,
            self.precision,
            self.ranks,
        )

    @property
    def feed(self) -> Feed:
        """What turns a decoded batch into a step's."""
        return Feed(
            self.train,
            self.prompts,
            self.preprocessor,
            self.device,
            self.augment,
            self.settings.seed,
            self.pseudo,
        )

    @property
    def reals(self) -> RealImages:
        """The real training images, for pseudo-fakes that learn from them."""
        from mfclip.training.pseudo import RealImages

        workers = self.ranks.workers(self.settings.workers)
        return RealImages(self.train, self.settings.seed, workers, self.preprocessor.finder)

    def progress(self, epoch: int, batch: int) -> float:
        """How much of the training is done before a batch, 0-1."""
        return min(1.0, (epoch + batch / self.grouping.batches) / self.settings.epochs)

    def shares(self, epoch: int, batch: int) -> Shares:
        """Who computes what of a batch."""
        seed = common_seed(self.settings.seed, epoch, batch, self.ranks.count)
        return Shares(self.ranks, self.grouping.batch_images(batch), seed)

    def batches(self, epoch: int, start: int, *, whole: bool = False) -> Iterable[Batch]:
        """The batches of an epoch (from 0) from batch ``start`` on.

        This process's share of each, or the ``whole`` of it.
        """
        from mfclip.data.loader import training_loader

        return training_loader(
            self.train,
            self.prompts,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            start_batch=start,
            sampling=self.settings.sampling,
            workers=self.ranks.workers(self.settings.workers),
            pin_memory=self.device.type == "cuda",
            frames=self.preprocessor.settings.frames,
            finder=self.preprocessor.finder,
            ranks=ALONE if whole else self.ranks,
        )

    def fingerprint(self, unchanged: Mapping[str, Any]) -> dict[str, Any]:
        """What a resumed run must share with its checkpoint; ``unchanged`` is the caller's."""
        changes = self.augment or self.pseudo
        return flat(
            {
                **settings_fingerprint(self.settings, self.precision),
                **objective_fingerprint(self.objective),
                **data_fingerprint(self.train, self.val, self.prompts, self.preprocessor),
                **detector_fingerprint(self.detector),
                "augmentation": changes.settings.model_dump(mode="json") if changes else {},
                **unchanged,
            }
        )
