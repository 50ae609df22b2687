"""One step of training: as a build makes it, with cuDNN's fastest algorithms, compiled."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from subjects import Setup, make_setup, our_forward, step

from mfclip.recipe.settings import TrainingSettings
from mfclip.training.optimiser import make_optimiser
from on_gpu.flops import counted
from on_gpu.peak import GIGA, TERA
from on_gpu.scoring import Row, head
from on_gpu.subject import Subject
from on_gpu.timed import timed
from on_gpu.ways import COMPILED, SHIPPED, TUNED, cudnn_benchmark

TOLERANCE = 0.05
"""Largest relative difference of the first loss between ways."""


def steps(subject: Subject) -> Iterator[Row]:
    """Eager steps by batch."""
    on_gpu = subject.plan.device.type == "cuda"
    for batch in subject.plan.steps:
        setup = made(subject, batch)
        flops = flops_of(subject, setup)
        for name, tuned in {SHIPPED: False, **({TUNED: True} if on_gpu else {})}.items():
            yield row(subject, setup, name, flops, tuned=tuned)


def compiled_step(subject: Subject) -> Iterator[Row]:
    """The vision encoder compiled, at the largest batch; the text side has no fixed shape."""
    setup = made(subject, subject.plan.steps[-1])
    expected, flops = loss_of(subject, setup), flops_of(subject, setup)
    torch.compiler.reset()
    setup.detector.vision.compile(dynamic=False)
    found = loss_of(subject, setup)
    if abs(found - expected) > TOLERANCE * abs(expected):
        raise RuntimeError(f"the loss of the compiled step is {found:.4g}, not {expected:.4g}")
    yield row(subject, setup, COMPILED, flops, tuned=True)


def made(subject: Subject, batch: int) -> Setup:
    """A detector to train, and its batch."""
    return make_setup(subject.assembly, batch, subject.plan.device, subject.overrides)


def loss_of(subject: Subject, setup: Setup) -> float:
    """Of a forward pass in training mode."""
    with torch.no_grad():
        return float(our_forward(setup, subject.plan.device, subject.plan.precision)())


def flops_of(subject: Subject, setup: Setup) -> int:
    """Of a forward and a backward pass, not compiled: the counter cannot see into kernels."""
    forward = our_forward(setup, subject.plan.device, subject.plan.precision)
    return counted(lambda: forward().backward()).total


def row(subject: Subject, setup: Setup, name: str, flops: int, *, tuned: bool) -> Row:
    """Time whole steps, that of the optimiser included."""
    plan, batch = subject.plan, len(setup.images)
    forward = our_forward(setup, plan.device, plan.precision)
    optimiser = make_optimiser(setup.detector, TrainingSettings())
    with cudnn_benchmark(tuned):
        seconds, mebibytes = timed(lambda: step(forward, optimiser), plan.device, plan.seconds)
    return head(subject, name, batch) | {
        "images/s": batch / seconds,
        "ms a step": seconds * 1e3,
        "GFLOP a step": flops / GIGA,
        "TFLOP/s": flops / seconds / TERA,
        "share of peak": subject.peak.share(flops, seconds),
        "MiB": "" if mebibytes is None else round(mebibytes),
    }
