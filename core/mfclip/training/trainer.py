"""One run of the training loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mfclip.detector.failures import naming_parts
from mfclip.detector.protocols import PreparesEpochs
from mfclip.errors import TrainingError, UsageError
from mfclip.ranks.gradients import average, require_alike
from mfclip.training.average import Average
from mfclip.training.checkpoints import LOGS, Checkpoint, CheckpointFolder
from mfclip.training.fingerprint import require_same
from mfclip.training.job import Job
from mfclip.training.losslog import LossLog
from mfclip.training.optimiser import (
    load_optimiser,
    make_optimiser,
    optimiser_tensors,
    set_learning_rate,
    trainable,
)
from mfclip.training.passes import Passes
from mfclip.training.records import (
    EpochRecord,
    StepReport,
    TrainingPlan,
    TrainingResult,
    kept_epoch,
)
from mfclip.training.schedule import is_finished, is_stale, learning_rate
from mfclip.training.seeds import seed_batch
from mfclip.training.state import RunState
from mfclip.training.tracking import make_log
from mfclip.training.validation import Validation
from mfclip.training.weights import (
    first_not_finite,
    load_module,
    module_tensors,
    train_unfrozen,
    without_prefix,
)

if TYPE_CHECKING:
    from mfclip.data.loader import Batch
    from mfclip.training.progress import TrainingProgress


class Trainer:
    """The job, where its run stands, and everybody who is told."""

    def __init__(
        self,
        job: Job,
        accelerator: Accelerator,
        run: Path,
        progress: TrainingProgress,
        unchanged: Mapping[str, Any],
    ) -> None:
        self.job, self.settings, self.grouping = job, job.settings, job.grouping
        self.accelerator, self.progress, self.ranks = accelerator, progress, job.ranks
        self.folder = CheckpointFolder(run)
        self.fingerprint = job.fingerprint(unchanged)
        self.trained = nn.ModuleDict({"detector": job.detector, "objective": job.objective})
        self.trained.to(job.device)
        self.optimiser = make_optimiser(self.trained, job.settings)
        self.average = Average(job.detector, job.settings.average)
        self.passes = Passes(job, accelerator)
        self.losses = LossLog(job.objective.columns, job.device, self._report)
        self.state = RunState()

    def run(self, *, resume: bool) -> TrainingResult:
        """Train to the end, from the newest checkpoint where ``resume`` says so."""
        checkpoint = self._open(resume=resume)
        self._restore(checkpoint)
        if checkpoint is None:
            self._fit_pseudo_fakes()
        self._require_alike()
        self.log = make_log(self.folder.folder / LOGS, self.state.step, self.ranks)
        self.progress.begin(self._plan())
        try:
            while not self._finished():
                self._epoch()
        finally:
            self.log.close()
            self.progress.end()
        return self._result()

    def _open(self, *, resume: bool) -> Checkpoint | None:
        """The checkpoint to go on from; None for a fresh start in a folder without a run.

        Of several processes the first one clears the folder, then the others look into it.
        """
        with self.ranks.lead_first():
            return self._found(resume=resume)

    def _found(self, *, resume: bool) -> Checkpoint | None:
        self.folder.make()
        found = self.folder.read()
        if found is not None and resume:
            require_same(found.fingerprint, self.fingerprint, self.folder.folder)
            return found
        if found is not None and not found.finished:
            raise UsageError(
                f"an unfinished run lies in {self.folder.folder} ({found.state.epoch} of "
                f"{self.settings.epochs} epochs are done): go on with --resume, or discard it "
                "with --restart"
            )
        if self.ranks.leads:
            self.folder.clear()
        return None

    def _restore(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            return
        tensors = self.folder.last_tensors(checkpoint)
        load_module(self.trained, without_prefix("model/", tensors))
        load_optimiser(self.optimiser, self.trained, without_prefix("adam/", tensors))
        self.average.load(without_prefix("average/", tensors))
        if self.job.pseudo is not None:
            self.job.pseudo.load(without_prefix("pseudo/", tensors))
        self.state = checkpoint.state

    def _fit_pseudo_fakes(self) -> None:
        """Let pseudo-fakes that ask for it learn from the real images; checkpoints keep it."""
        pseudo = self.job.pseudo
        if pseudo is not None and pseudo.learners:
            self.progress.learning(len(pseudo.learners))
            pseudo.fit(self.job.reals)

    def _finished(self) -> bool:
        history, until = self.state.history, self.job.until
        return is_finished(self.settings, history) or len(history) == until

    def _epoch(self) -> None:
        """What is left of the running epoch, then its validation and its checkpoint."""
        if self.state.batch == 0:
            self._before_epoch()
        train_unfrozen(self.trained)
        self._clock = time.monotonic()
        self._values = torch.zeros(len(self.job.objective.columns), device=self.job.device)
        for batch in self.passes.batches(self.state.epoch, self.state.batch):
            self._backward(batch)
            if self.grouping.closes_group(self.state.batch):
                self._step()
            self.state.batch += 1
            self._checkpoint_if_due()
        self._end_epoch()

    @torch.no_grad()
    def _before_epoch(self) -> None:
        """Let modules that ask for it look at the training images."""
        epoch = self.state.epoch
        progress = self.job.progress(epoch, 0)
        if self.ranks.count > 1:  # each drew numbers of its own in the batch before
            seed_batch(self.settings.seed, epoch, self.grouping.batches, self.job.device)
        for module in self.trained.modules():
            if isinstance(module, PreparesEpochs):
                with naming_parts(self.job.detector, self.job.objective):
                    # Of several processes each looks at everything, and so finds the same.
                    batches = iter(self.job.batches(epoch, 0, whole=True))
                    module.before_epoch(epoch, self.job.feed.plain(batches, progress))

    def _backward(self, batch: Batch) -> None:
        """Add the gradient of one batch, weighted by its share of the group's images."""
        images = self.grouping.batch_images(self.state.batch)
        share = images / self.grouping.group_images(self.state.batch)
        passed = self.passes.backward(batch, self.state.epoch, self.state.batch, share)
        self._values += passed.losses * share
        self.state.pseudo_fakes += passed.pseudo_fakes

    def _step(self) -> None:
        """One step of the optimiser, after the last batch of a group."""
        rate = learning_rate(self.settings, self.state.step, self.grouping.steps)
        set_learning_rate(self.optimiser, rate)
        average(trainable(self.trained).values(), self.ranks)
        self.optimiser.step()
        self.average.update()
        self.optimiser.zero_grad(set_to_none=True)
        self.state.step += 1
        report = StepReport(
            epoch=self.state.epoch + 1,
            step=self.state.batch // self.settings.accumulate + 1,
            total_step=self.state.step,
            images=self.grouping.group_images(self.state.batch),
            losses={},
            learning_rate=rate,
        )
        self.losses.add(report, self._values)
        self._values = torch.zeros_like(self._values)

    def _report(self, report: StepReport) -> None:
        self.state.add(report.losses, report.images)
        self.log.step(report)
        self.progress.step(report)

    def _checkpoint_if_due(self) -> None:
        steps, between_groups = divmod(self.state.batch, self.settings.accumulate)
        due = between_groups == 0 and steps % self.settings.checkpoint_steps == 0
        if due and self.state.batch < self.grouping.batches:
            self._tick()
            self._checkpoint()

    def _end_epoch(self) -> None:
        self.losses.flush()
        self._tick()
        speed = self.state.images / max(self.state.seconds, 1e-9)
        with self.average.applied():
            validation = self.job.validator(self.progress.validating)
            judged = {n: t.detach().clone() for n, t in module_tensors(self.job.detector).items()}
        self._tick()
        record = self._record(validation, speed)
        if self.job.scored is not None:
            self.job.scored(record.epoch, validation.log_odds)
        self.state.end_epoch(record)
        improved = kept_epoch(self.state.history, self.job.until) is record
        self._checkpoint(judged if improved else None)
        self.log.epoch(record, self.state.step)
        self.progress.epoch(record)

    def _record(self, validation: Validation, speed: float) -> EpochRecord:
        return EpochRecord(
            epoch=self.state.epoch + 1,
            losses=self.state.means(),
            learning_rate=learning_rate(self.settings, self.state.step - 1, self.grouping.steps),
            val_auc=validation.auc,
            val_loss=validation.loss,
            seconds=self.state.seconds,
            images_per_second=speed,
            pseudo_fakes=self.state.pseudo_fakes,
        )

    def _tick(self) -> None:
        """Count the time since the last tick as the running epoch's."""
        now = time.monotonic()
        self.state.seconds += now - self._clock
        self._clock = now

    def _checkpoint(self, best: Mapping[str, Tensor] | None = None) -> None:
        """Write where the run stands, unless its losses or weights are not finite."""
        self.losses.flush()
        wrong = first_not_finite(self.trained)
        if wrong is not None:
            raise TrainingError(
                f"after step {self.state.step} the weights {wrong!r} are not finite, though the "
                "losses were. The last checkpoint is intact. A lower training.learning_rate, or "
                "training.precision = 'fp32', may help"
            )
        self._require_alike()
        if not self.ranks.leads:
            return
        model = {f"model/{name}": value for name, value in module_tensors(self.trained).items()}
        state = optimiser_tensors(self.optimiser, self.trained)
        adam = {f"adam/{name}": value for name, value in state.items()}
        average = {f"average/{name}": value for name, value in self.average.tensors.items()}
        learnt = self.job.pseudo.tensors() if self.job.pseudo is not None else {}
        pseudo = {f"pseudo/{name}": value for name, value in learnt.items()}
        self.folder.write(self._standing(), model | adam | average | pseudo, best)

    def _require_alike(self) -> None:
        """Raise where processes do not hold the same weights, so that each would go its own way."""
        learnt = self.job.pseudo.tensors() if self.job.pseudo is not None else {}
        own = self.trained.state_dict()
        require_alike({**own, **learnt}, self.ranks, f"after step {self.state.step}")

    def _standing(self) -> Checkpoint:
        return Checkpoint(self.state, self._finished(), self.fingerprint, self.job.until)

    def _plan(self) -> TrainingPlan:
        return TrainingPlan(
            epochs=self.job.until or self.settings.epochs,
            steps=self.grouping.steps,
            images=self.grouping.images,
            history=tuple(self.state.history),
            done_steps=self.state.batch // self.settings.accumulate,
            finished=self._finished(),
        )

    def _result(self) -> TrainingResult:
        """Give the detector the kept epoch's weights, and tell how it went."""
        history = self.state.history
        self.ranks.meet()  # the first one has written what all read now
        load_module(self.job.detector, self.folder.best_tensors(self._standing()))
        kept = kept_epoch(history, self.job.until)
        assert kept is not None  # its tensors were just loaded
        early = len(history) < self.settings.epochs and is_stale(self.settings, history)
        return TrainingResult(tuple(history), kept.epoch, kept.val_auc, early)
