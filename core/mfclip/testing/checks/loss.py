"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import in_one_line
from mfclip.output_names import STANDARD, is_output_name
from mfclip.parts import Part
from mfclip.testing.compare import close_or_fault, finite_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.gradients import gradients, named
from mfclip.testing.inputs import labels, prompt_rows
from mfclip.testing.probes import WIDTH, leaves
from mfclip.testing.simulated import DEFAULT_SHAPE, changed, outputs_for
from mfclip.testing.subject import Subject

ALL_OUTPUTS = frozenset(STANDARD)


def needs_only(subject: Subject) -> None:
    """It reads no output that it does not list in `needs`: the others may not be there."""
    unknown = {name for name in _needs(subject) if not is_output_name(name)}
    if unknown:
        raise Fault(
            "needs names outputs that no detector gives",
            received=", ".join(sorted(unknown)),
            expected=f"some of {', '.join(sorted(ALL_OUTPUTS))}, or names like 'acme.map'",
        )
    try:
        complete = _loss(subject, _outputs(subject, ALL_OUTPUTS | _needs(subject)))
    except KeyError as error:
        raise Fault(
            "the loss reads from `extra` what its `needs` does not name",
            received=in_one_line(error),
            expected=f"names out of {', '.join(sorted(_needs(subject))) or 'nothing'}",
            advice="list every output that forward reads in `needs`",
        ) from error
    try:
        alone = _loss(subject, _outputs(subject, _needs(subject)))
    except Exception as error:
        raise _undeclared(subject, in_one_line(error)) from error
    if bool(torch.isnan(alone)) and not bool(torch.isnan(complete)):
        raise _undeclared(subject, "NaN, from logits that were NaN")


def _undeclared(subject: Subject, received: str) -> Fault:
    return Fault(
        "the loss works with all outputs and not with those in its `needs`",
        received=received,
        expected=f"a loss of {', '.join(sorted(_needs(subject))) or 'nothing'} alone",
        advice="list every output that forward reads in `needs`",
    )


def gradients_reach_outputs(subject: Subject) -> None:
    """It gives a gradient that is not zero to at least one of the outputs in `needs`."""
    outputs, targets = subject.probe.inputs(4)
    loss = subject.probe.run(subject.module, (outputs, targets))["loss"]
    found = gradients(loss, leaves(outputs))
    if not any(gradient is not None and gradient.any() for gradient in found):
        raise Fault(
            "no gradient reaches any output",
            expected=f"one for {', '.join(sorted(_needs(subject)))}, or nothing can be learnt",
        )


def one_class_batches(subject: Subject) -> None:
    """Batches that are all real, all fake, or all of one prompt give a finite loss."""
    outputs, _ = subject.probe.inputs(4)
    prompt = prompt_rows(4, subject.context.prompts)
    zeros = torch.zeros(4, dtype=torch.int64)
    batches = {"only real faces": zeros, "only fake faces": zeros + 1}
    for name, label in batches.items():
        _finite(subject, outputs, _truth(subject, label, prompt), f"a batch of {name}")
    _finite(subject, outputs, _truth(subject, labels(4), zeros), "a batch of one prompt")


def _truth(subject: Subject, label: Tensor, prompt: Tensor) -> Targets:
    """Targets of those labels and prompts, with whatever else the loss reads."""
    _, targets = subject.probe.inputs(len(label))
    named = {**targets.named}
    named |= {n: v for n, v in (("label", label), ("prompt", prompt)) if n in named}
    return Targets(label, prompt, named)


def _rows(value: object, order: Tensor) -> object:
    """The samples in another order; a number for the whole batch stays."""
    return value[order] if isinstance(value, Tensor) else value


def finite_at_extremes(subject: Subject) -> None:
    """Outputs of zeros and very large ones give a finite loss with finite gradients."""
    outputs, targets = subject.probe.inputs(4)
    extremes: dict[str, Callable[[Tensor], Tensor]] = {
        "outputs of zeros": torch.zeros_like,
        "outputs a thousand times larger": lambda tensor: tensor * 1000,
    }
    for name, change in extremes.items():
        only_needed = _without_logits(subject, changed(outputs, change))
        _finite(subject, only_needed, targets, name)
        loss = subject.probe.run(subject.module, (only_needed, targets))["loss"]
        if loss.requires_grad:
            found = gradients(loss, leaves(only_needed))
            finite_or_fault(named("the gradient of an output", found), name)


def both_similarities(subject: Subject) -> None:
    """A loss of similarities takes logits and log-weights, as `normalised` tells."""
    if "similarity" not in _needs(subject):
        return
    _, targets = subject.probe.inputs(4)
    for normalised in (False, True):
        outputs = _outputs(subject, _needs(subject), 4, normalised=normalised)
        _finite(subject, outputs, targets, f"similarities with normalised={normalised}")


@torch.no_grad()
def order_independent(subject: Subject) -> None:
    """The order of the samples in a batch does not change the loss."""
    outputs, targets = subject.probe.inputs(5)
    order = torch.tensor([3, 0, 4, 1, 2])
    mixed = changed(
        outputs,
        lambda t: t[order],
        lambda t: t[order][:, order],
        lambda name, t: _reordered(t, subject.schema, name, order),
    )
    named = {name: _rows(value, order) for name, value in targets.named.items()}
    again = Targets(targets.label[order], targets.prompt[order], named)
    close_or_fault(
        subject.probe.run(subject.module, (outputs, targets)),
        subject.probe.run(subject.module, (mixed, again)),
        "the order of the samples changes the loss",
        tolerance=1e-4,
    )


def _needs(subject: Subject) -> frozenset[str]:
    return frozenset(getattr(subject.schema, "needs", ()))


def _outputs(
    subject: Subject, names: frozenset[str], batch: int = 3, *, normalised: bool = False
) -> Outputs:
    shapes = getattr(subject.schema, "shapes", {})
    return outputs_for(names, batch, WIDTH, normalised=normalised, shapes=shapes)


def _reordered(tensor: Tensor, schema: type[Part], name: str, order: Tensor) -> Tensor:
    """The samples in another order, along every axis of the batch."""
    for axis, size in enumerate(getattr(schema, "shapes", {}).get(name, DEFAULT_SHAPE)):
        if size == "batch":
            tensor = tensor.index_select(axis, order)
    return tensor


def _loss(subject: Subject, outputs: Outputs) -> Tensor:
    _, targets = subject.probe.inputs(3)
    return subject.probe.run(subject.module, (outputs, targets))["loss"]


def _finite(subject: Subject, outputs: Outputs, targets: Targets, situation: str) -> None:
    finite_or_fault(subject.probe.run(subject.module, (outputs, targets)), situation)


def _without_logits(subject: Subject, outputs: Outputs) -> Outputs:
    """With NaN for logits that the loss does not need, as :func:`outputs_for` has them."""
    if "logits" in _needs(subject):
        return outputs
    nothing = torch.full_like(outputs.logits, torch.nan).requires_grad_()
    return replace(outputs, logits=nothing)
