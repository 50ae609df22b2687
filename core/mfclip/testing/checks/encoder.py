"""Checks of what encodes samples one by one: encoders of images and of text, detectors."""

from __future__ import annotations

import torch

from mfclip.testing.checks.training import SAME_TOLERANCE
from mfclip.testing.compare import close_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.inputs import END, START, tokens
from mfclip.testing.subject import Subject


@torch.no_grad()
def batch_independent(subject: Subject) -> None:
    """In eval mode a sample's output is the same alone, among others, and in another place."""
    (samples,) = subject.probe.inputs(4)
    together = subject.probe.run(subject.module, (samples,))
    backwards = subject.probe.run(subject.module, (samples.flip(0),))
    close_or_fault(
        together,
        {name: value.flip(0) for name, value in backwards.items()},
        "a sample's output depends on its place in the batch",
        tolerance=SAME_TOLERANCE,
    )
    for row in range(len(samples)):
        close_or_fault(
            {name: value[row : row + 1] for name, value in together.items()},
            subject.probe.run(subject.module, (samples[row : row + 1],)),
            "a sample's output depends on the other samples of its batch",
            tolerance=SAME_TOLERANCE,
            advice="in eval mode use no statistics of the batch",
        )


@torch.no_grad()
def outputs_tell_apart(subject: Subject) -> None:
    """Different samples get different outputs."""
    for name, value in subject.reference.items():
        if torch.equal(value[0], value[1]):
            raise Fault(
                f"two different samples have the same {name}",
                expected="an output that depends on the input",
            )


@torch.no_grad()
def every_sentence_read(subject: Subject) -> None:
    """Other words in any one of the S sentences move the prompt's embedding."""
    sentences = subject.context.sentences
    table = tokens(2, sentences)
    before = subject.probe.run(subject.module, (table,))["embedding"]
    for sentence in range(sentences):
        changed = table.clone()
        words = (table[:, sentence] != 0) & (table[:, sentence] != START)
        words &= table[:, sentence] != END
        changed[:, sentence][words] += 1000
        after = subject.probe.run(subject.module, (changed,))["embedding"]
        moved = (after - before).abs().amax(1) / before.abs().amax().clamp(min=1e-12)
        if moved.min() < 1e-6:
            raise Fault(
                f"sentence {sentence + 1} of {sentences} is not read",
                received="the same embedding for other words there",
                expected="an embedding that depends on every level of the prompt",
            )
