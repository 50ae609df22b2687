"""Checks of what training and bundles do with any ``torch.nn.Module``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from mfclip.bundle.weights import load_weights, save_weights
from mfclip.errors import in_one_line
from mfclip.testing.compare import close_or_fault, equal_or_fault, finite_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.gradients import gradients, named, projected
from mfclip.testing.probes import leaves
from mfclip.testing.subject import Subject

BF16_TOLERANCE = 0.1
"""Of the largest output. bfloat16 has eight bits: a few layers lose up to some per cent."""
STEP = 0.01
"""Length of a step against a gradient; weights are of the order of 1."""
SAME_TOLERANCE = 1e-4
"""Of the largest output, for the same arithmetic in another order."""


def gradients_reach_parameters(subject: Subject) -> None:
    """In training mode every parameter that asks for a gradient gets one that is not all zero.

    At once, or after a small step of the others: behind a gate or an adapter that starts at zero
    nothing learns before that has moved.
    """
    module = subject.fresh().train()
    waiting = {name: p for name, p in module.named_parameters() if p.requires_grad}
    unused = set(waiting)
    for seed in range(4):
        if not waiting:
            return
        for name, gradient in _one_backward(subject, module, waiting, seed):
            unused.discard(name)
            if gradient.any():
                _step(waiting.pop(name), gradient)
    if waiting:
        told = [f"{name} ({'unused' if name in unused else 'all zero'})" for name in waiting]
        raise Fault(
            "no gradient reaches some parameters in training",
            received=", ".join(told),
            expected="a gradient that is not all zero, over four batches",
            advice="use them, or set requires_grad to False where they are meant to stay",
        )


@torch.no_grad()
def _step(parameter: nn.Parameter, gradient: Tensor) -> None:
    parameter.sub_(gradient, alpha=STEP / float(gradient.norm()))


def _one_backward(
    subject: Subject, module: nn.Module, waiting: dict[str, nn.Parameter], seed: int
) -> Iterator[tuple[str, Tensor]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        given = subject.probe.inputs(seed=seed)
        total = projected(leaves(module(*given, **subject.probe.beside(module, given))))
        found = gradients(total, list(waiting.values()))
    pairs = zip(list(waiting), found, strict=True)
    return ((name, gradient) for name, gradient in pairs if gradient is not None)


def state_dict_round_trip(subject: Subject) -> None:
    """Saved as safetensors and loaded into a new build, as in a bundle, it gives equal outputs."""
    other = subject.fresh(seed=1, pretrained=False).eval()
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.safetensors")
        try:
            save_weights(file, subject.module)
            load_weights(file, other)
        except Exception as error:
            raise Fault(
                "its state cannot be saved and loaded",
                received=in_one_line(error),
                expected="a state_dict of tensors that fits a new build with pretrained=False",
            ) from error
    with torch.no_grad():
        again = subject.probe.run(other, subject.probe.inputs())
    equal_or_fault(
        subject.reference,
        again,
        "a new build with the saved state gives other outputs",
        advice="keep everything random or learnt in parameters and buffers",
    )


def unpretrained_architecture(subject: Subject) -> None:
    """`pretrained=False` builds the same parameters and buffers: same names, shapes and types."""
    with_weights = _layout(subject.module)
    without = _layout(subject.fresh(pretrained=False))
    differ = sorted(set(with_weights.items()) ^ set(without.items()))
    if differ:
        raise Fault(
            "context.pretrained changes the architecture",
            received="; ".join(dict.fromkeys(f"{name} {what}" for name, what in differ[:4])),
            expected="the same names, shapes and types, so that a bundle can be read back",
        )


def _layout(module: nn.Module) -> dict[str, str]:
    state = module.state_dict()
    return {name: f"{tuple(value.shape)} {value.dtype}" for name, value in state.items()}


def bf16_autocast(subject: Subject) -> None:
    """Under bf16 autocast outputs and gradients are finite, and outputs near those of float32."""
    arguments = subject.probe.halved(subject.probe.inputs())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = subject.probe.run(subject.module, arguments)
    finite_or_fault(outputs, "bf16 autocast")
    parameters = [p for p in subject.module.parameters() if p.requires_grad]
    found = gradients(projected(outputs.values()), parameters)
    finite_or_fault(named("the gradient of a parameter", found), "bf16 autocast")
    close_or_fault(
        subject.reference,
        {name: value.detach() for name, value in outputs.items()},
        "bf16 autocast changes the outputs",
        tolerance=BF16_TOLERANCE,
        advice="compute what needs precision inside torch.autocast(..., enabled=False)",
    )


def compiles(subject: Subject) -> None:
    """torch.compile runs it, and the outputs stay the same. Breaks of the graph are allowed.

    The backend is ``aot_eager``: it traces the forward and the backward pass and generates no
    code, so no compiler is needed.
    """
    module = subject.module
    torch.compiler.reset()
    try:
        compiled = torch.compile(module, backend="aot_eager")
        outputs = subject.probe.run(compiled, subject.probe.inputs())
    except Fault:
        raise
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise Fault(
            "torch.compile fails",
            received=f"{type(error).__name__}: {first_line}",
            expected="a module that torch.compile can run, breaks of the graph included",
        ) from error
    finally:
        torch.compiler.reset()
    close_or_fault(
        subject.reference,
        {name: value.detach() for name, value in outputs.items()},
        "torch.compile changes the outputs",
        tolerance=SAME_TOLERANCE,
    )


@torch.no_grad()
def deep_copies(subject: Subject) -> None:
    """copy.deepcopy gives a module with equal outputs, for averaged weights and the like."""
    module = subject.module
    try:
        twin = copy.deepcopy(module)
    except Exception as error:
        raise Fault("copy.deepcopy fails", received=in_one_line(error)) from error
    outputs = subject.probe.run(twin, subject.probe.inputs())
    equal_or_fault(subject.reference, outputs, "a deep copy gives other outputs")
    shared = {p.data_ptr() for p in module.parameters() if p.numel()}
    if any(p.data_ptr() in shared for p in twin.parameters()):
        raise Fault("a deep copy shares parameters with the original")
