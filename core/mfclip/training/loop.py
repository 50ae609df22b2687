"""Training a detector: the one call that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfclip.compute.precision import choose_precision
from mfclip.ranks.world import ALONE, Ranks
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.accelerator import accelerator_on
from mfclip.training.job import Job
from mfclip.training.objective import Objective
from mfclip.training.progress import SilentProgress
from mfclip.training.records import EpochRecord, TrainingResult
from mfclip.training.trainer import Trainer
from mfclip.training.validation import check_splits

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor
    from mfclip.data.prompts import PromptTable
    from mfclip.detector.assemble import LossTerm
    from mfclip.detector.base import DetectorModule
    from mfclip.training.augment import Augmenter
    from mfclip.training.progress import TrainingProgress
    from mfclip.training.pseudo import PseudoFakes

__all__ = ["EpochRecord", "TrainingResult", "train"]


def train(
    detector: DetectorModule,
    terms: Sequence[LossTerm],
    *,
    train: Manifest,
    val: Manifest,
    prompts: PromptTable | None,
    preprocessor: Preprocessor,
    settings: TrainingSettings,
    run: Path,
    resume: bool = False,
    device: torch.device,
    progress: TrainingProgress,
    augment: Augmenter | None = None,
    pseudo: PseudoFakes | None = None,
    unchanged: Mapping[str, Any] | None = None,
    scored: Callable[[int, NDArray[np.float64]], None] | None = None,
    until: int | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult:
    """Train ``detector`` in place; afterwards it holds the weights of the best epoch.

    Adam with a stepped learning rate (IV-A), unless the settings say otherwise. The best epoch is
    the one with the highest AUC on the validation rows; no other rows are looked at. A run that
    was killed and resumed ends with the same weights as one that was not, bit for bit on one CPU.
    The global random generators of PyTorch, NumPy and Python are seeded anew for every batch.

    Parameters
    ----------
    terms
        The objective: sum of weight × term. Parameters inside a term are trained too.
    run
        Folder of checkpoints, ``history.jsonl`` and the TensorBoard log.
    resume
        Go on from the newest checkpoint in ``run``; without one, start afresh.
    augment
        Changes the training images; the validation images stay as they are.
    pseudo
        Gives places of training fakes to ones made of real images.
    unchanged
        What else, beside settings, data, losses and the weights' shapes, must be as it was for
        a run to go on, such as the recipe. Nested tables are compared value by value.
    scored
        Is told the number of each epoch, from 1, and the log-odds of the validation rows, before
        its checkpoint is written: after a kill, an epoch is told again rather than not at all.
    until
        An epoch, from 1, that was chosen elsewhere: the training goes as one of all epochs does,
        ends with this one and keeps it, whatever the validation says.
    ranks
        The processes that train together, each of which calls this with the same arguments. A batch
        is that of one process, and each computes its share of it. The first one alone writes, and
        tells ``progress`` and ``scored``.

    Raises
    ------
    DataError
        Where a split lacks real or fake images, or an image cannot be read.
    UsageError
        Where ``run`` holds an unfinished run and ``resume`` is false, or was started with
        something else; where nothing is trainable; where this is one of other processes than
        ``ranks``.
    LostRanksError
        Where another of the ``ranks`` ends.
    TrainingError
        Where a loss, a weight or a score stops being finite, or a checkpoint cannot be read or
        written. The last checkpoint written stays usable.
    """
    check_splits(train, val)
    precision = choose_precision(settings.precision, device)
    job = Job(
        detector=detector,
        objective=Objective(terms),
        train=train,
        val=val,
        prompts=prompts,
        preprocessor=preprocessor,
        settings=settings,
        device=device,
        precision=precision,
        augment=augment,
        pseudo=pseudo,
        scored=scored if ranks.leads else None,
        until=until,
        ranks=ranks,
    )
    told = progress if ranks.leads else SilentProgress()
    with accelerator_on(device, precision, ranks) as accelerator:
        return Trainer(job, accelerator, run, told, unchanged or {}).run(resume=resume)
