"""The forward and the backward pass of one batch, or of a process's share of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mfclip.detector.failures import naming_parts
from mfclip.detector.outputs import Outputs
from mfclip.ranks.normalisation import NormalisesTogether
from mfclip.ranks.shares import Shares, drawing_alike, sharing
from mfclip.training.job import Job
from mfclip.training.objective import in_float32
from mfclip.training.seeds import seed_batch
from mfclip.training.together import outputs_of_all, targets_of_all

if TYPE_CHECKING:
    from mfclip.data.loader import Batch


class Passed(NamedTuple):
    """What a batch came to."""

    losses: Float[Tensor, " terms"]
    """Values of the objective's columns for the whole batch, on the device."""
    pseudo_fakes: int
    """Among its images."""


class Passes:
    """Adds the gradients of batches to the parameters."""

    def __init__(self, job: Job, accelerator: Accelerator) -> None:
        self.job, self.accelerator, self.ranks = job, accelerator, job.ranks
        self.feed = job.feed

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch (from 0) from batch ``start`` on, as :meth:`backward` takes them.

        Of several processes each gets what it computes; but where there are pseudo-fakes, the whole
        batch, since one is made of any of its real images.
        """
        yield from self.job.batches(epoch, start, whole=self.job.pseudo is not None)

    def backward(self, batch: Batch, epoch: int, number: int, share: float) -> Passed:
        """Seed, compute and add the gradient, weighted by the batch's ``share`` of its step."""
        seed_batch(self.job.settings.seed, epoch, number, self.job.device, self.ranks.rank)
        shares = self.job.shares(epoch, number)
        with self._together(shares):
            with naming_parts(self.job.detector, self.job.objective):
                loss, passed = self._forward(batch, epoch, number, shares)
            self.accelerator.backward(loss * share)
        return passed

    def _together(self, shares: Shares) -> AbstractContextManager[None]:
        return nullcontext() if self.ranks.count == 1 else _sharing_batch(shares)

    def _forward(
        self, batch: Batch, epoch: int, number: int, shares: Shares
    ) -> tuple[Float[Tensor, ""], Passed]:
        """What to minimise for one batch, and what it came to."""
        forged = self.feed.forge(batch, epoch)
        pseudo_fakes = len(forged.places)
        if self.job.pseudo is not None:
            forged = forged.part(shares.computed)
        fed = self.feed(forged, epoch, self.job.progress(epoch, number))
        targets = targets_of_all(self.feed.targets(fed, self.job.objective.reads))
        values: list[Float[Tensor, " terms"]] = []

        def loss(outputs: Outputs) -> Float[Tensor, ""]:
            with torch.autocast(self.job.device.type, enabled=False), drawing_alike():
                summed: Tensor
                summed, terms = self.job.objective(self._of_all(in_float32(outputs)), targets)
            values.append(terms)
            return summed

        with self._normalisation(shares.rows), self.accelerator.autocast():
            total = self.job.detector.training_loss(fed.images, fed.reads, loss)
        # A detector may add to the objective what it finds on its rows alone.
        mean = self.ranks.total(total.detach().reshape(1)) / self.ranks.count
        return total, Passed(torch.cat([values[0][:-1], mean]), pseudo_fakes)

    def _of_all(self, outputs: Outputs) -> Outputs:
        """The outputs for the whole batch, where several processes share it."""
        if self.ranks.count == 1:
            return outputs
        detector = self.job.detector
        label = detector.labels.get("detector", "the detector")
        return outputs_of_all(outputs, detector.shapes, label)

    def _normalisation(self, images: int) -> AbstractContextManager[None]:
        """Batch normalisation by running statistics for one image left over at an epoch's end.

        Statistics of a single image are poor, and on features without extent there are none.
        """
        alone = images == 1 and self.job.settings.batch_size > 1
        return _running_statistics(self.job.detector) if alone else nullcontext()


@contextmanager
def _sharing_batch(shares: Shares) -> Iterator[None]:
    with sharing(shares), NormalisesTogether(shares):
        yield


@contextmanager
def _running_statistics(module: nn.Module) -> Iterator[None]:
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    training = [layer for layer in layers if layer.training]
    try:
        for layer in training:
            layer.eval()
        yield
    finally:
        for layer in training:
            layer.train()
