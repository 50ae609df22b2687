"""Checks of everything that builds a ``torch.nn.Module``: encoders, alignments, losses, detectors.

Shape letters: B samples of one forward pass.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mfclip.testing.compare import equal_or_fault, finite_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.probes import described, leaves
from mfclip.testing.subject import Subject


@torch.no_grad()
def output_shape(subject: Subject) -> None:
    """The outputs have the shapes of the contract and the declared width, and are float32."""
    for name, value in subject.reference.items():
        if value.dtype != torch.float32:
            raise Fault(
                f"{name} is not in single precision",
                received=described(value),
                expected="float32 for float32 inputs, outside autocast",
            )


@torch.no_grad()
def batch_sizes(subject: Subject) -> None:
    """Batches of one, of odd sizes and smaller than the training's work, and stay finite."""
    for batch in (1, 2, 5):
        if batch <= subject.context.batch_size:
            outputs = subject.probe.run(subject.module, subject.probe.inputs(batch))
            finite_or_fault(outputs, f"a batch of {batch}")


@torch.no_grad()
def eval_deterministic(subject: Subject) -> None:
    """In eval mode the same input gives the same bits again, whatever the random state is."""
    first = _seeded(subject, 1)
    equal_or_fault(
        first,
        _seeded(subject, 2),
        "the same input gave two results in eval mode",
        advice="draw random numbers only where self.training is set",
    )


def _seeded(subject: Subject, seed: int) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return subject.probe.run(subject.module, subject.probe.inputs())


@torch.no_grad()
def input_untouched(subject: Subject) -> None:
    """A forward pass leaves its input as it was."""
    arguments = subject.probe.inputs()
    before = [tensor.clone() for tensor in leaves(arguments)]
    subject.probe.run(subject.module, arguments)
    for was, now in zip(before, leaves(arguments), strict=True):
        if not torch.equal(was.nan_to_num(), now.nan_to_num()):
            raise Fault(
                "forward changed its input",
                received=f"{described(now)}, changed in place",
                advice="use operations that make a new tensor: x * 2 in place of x.mul_(2)",
            )


@torch.no_grad()
def mode_kept(subject: Subject) -> None:
    """eval() reaches every submodule, train() comes back from it, and forward changes neither."""
    module = subject.fresh().train()
    training = _modes(module)
    module.eval()
    awake = [name or "the module itself" for name, mode in _modes(module).items() if mode]
    if awake:
        raise Fault("eval() left parts in training mode", received=", ".join(awake))
    subject.probe.run(module, subject.probe.inputs())
    if any(_modes(module).values()):
        raise Fault("forward switched the module out of eval mode")
    module.train()
    if _modes(module) != training:
        raise Fault("train() after eval() does not bring back the modes of training")
    subject.probe.run(module, subject.probe.inputs())
    if _modes(module) != training:
        raise Fault("forward switched the module out of training mode")


def _modes(module: nn.Module) -> dict[str, bool]:
    return {name: inner.training for name, inner in module.named_modules()}
