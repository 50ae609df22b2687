"""Checks of what parts read beside the image."""

from __future__ import annotations

from mfclip.errors import in_one_line
from mfclip.output_names import is_output_name
from mfclip.reads import STANDARD_READS, keyword
from mfclip.testing.faults import Fault
from mfclip.testing.subject import Subject


def reads_known(subject: Subject) -> None:
    """`reads` are names, and `forward` takes each of them by keyword while it trains."""
    reads: object = getattr(subject.part, "reads", frozenset())
    if not isinstance(reads, frozenset) or not all(map(is_output_name, reads)):
        raise Fault(
            "reads is no set of names",
            received=repr(reads),
            expected=f"a frozenset of {', '.join(STANDARD_READS)}, or names like 'acme.map'",
        )
    if not reads:
        return
    module = subject.fresh().train()
    try:
        subject.probe.run(module, subject.probe.inputs())
    except TypeError as error:
        names = ", ".join(sorted(map(keyword, reads)))
        raise Fault(
            "forward does not take what `reads` names",
            received=in_one_line(error),
            expected=f"the keyword arguments {names}",
        ) from error


def works_without_truth(subject: Subject) -> None:
    """In evaluation it needs no label, prompt, tokens, progress or index: they are not there."""
    reads: frozenset[str] = getattr(subject.part, "reads", frozenset())
    truth = reads & set(STANDARD_READS)
    if not truth:
        return
    try:
        subject.probe.run(subject.module, subject.probe.inputs())
    except Exception as error:
        names = ", ".join(sorted(truth))
        raise Fault(
            f"in evaluation it does not work without {names}",
            received=in_one_line(error),
            expected="the same result whether they are there or not",
            advice="give each of them a default in forward",
        ) from error
