"""Checks of alignments."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mfclip.testing.compare import finite_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.gradients import gradients, projected
from mfclip.testing.subject import Subject


@torch.no_grad()
def normalised_told(subject: Subject) -> None:
    """The result says in the bool `normalised` whether its rows are log-weights or logits."""
    told = getattr(subject.module(*subject.probe.inputs()), "normalised", None)
    if not isinstance(told, bool):
        raise Fault(
            "the result does not say whether it is normalised",
            received=repr(told),
            expected="normalised, a bool: False for logits, True for log-weights",
            advice="see mfclip.detector.protocols.Similarity",
        )


@torch.no_grad()
def rows_belong(subject: Subject) -> None:
    """Row i of v2l is image i's and row i of l2v is text i's: they move most with their own."""
    visual, text, prompt = subject.probe.inputs(4)
    before = subject.probe.run(subject.module, (visual, text, prompt))
    for row in range(len(visual)):
        if len(visual) < 2:
            return
        for name, whose in (("v2l", "image"), ("l2v", "text")):
            one, other = visual.clone(), text.clone()
            changed = one if name == "v2l" else other
            changed[row] = -changed[row].flip(0)
            after = subject.probe.run(subject.module, (one, other, prompt))
            moved = (after[name] - before[name]).abs().sum(1)
            if int(moved.argmax()) != row:
                raise Fault(
                    f"another {whose} {row} moves row {int(moved.argmax())} of {name} most",
                    expected=f"row i of {name} to compare {whose} i with everything else",
                    advice="look for a transposed matrix",
                )


def gradients_reach_embeddings(subject: Subject) -> None:
    """Both matrices give a gradient that is not zero to the visual and to the text embeddings."""
    visual, text, prompt = subject.probe.inputs()
    visual.requires_grad_()
    text.requires_grad_()
    outputs = subject.probe.run(subject.module, (visual, text, prompt))
    for matrix, value in outputs.items():
        found = gradients(projected([value]), [visual, text])
        for name, gradient in zip(("visual", "text"), found, strict=True):
            if gradient is None or not gradient.any():
                raise Fault(
                    f"no gradient from {matrix} reaches the {name} embeddings",
                    expected="both encoders to learn from both directions",
                )


def any_magnitude(subject: Subject) -> None:
    """Embeddings of zeros, of unit length and of great length give finite values and gradients."""
    visual, text, prompt = subject.probe.inputs()
    for name, change in _MAGNITUDES.items():
        one, other = change(visual).requires_grad_(), change(text).requires_grad_()
        outputs = subject.probe.run(subject.module, (one, other, prompt))
        finite_or_fault(outputs, f"{name} embeddings")
        found = gradients(projected(outputs.values()), [one, other])
        named = zip(("the gradient of visual", "the gradient of text"), found, strict=True)
        finite_or_fault({n: g for n, g in named if g is not None}, f"{name} embeddings")


def _unit(embedding: Tensor) -> Tensor:
    return torch.nn.functional.normalize(embedding, dim=-1)


_MAGNITUDES: dict[str, Callable[[Tensor], Tensor]] = {
    "zero": torch.zeros_like,
    "normalised": _unit,
    "very long": lambda embedding: embedding * 1e4,
}
