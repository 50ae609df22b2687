"""Checks of whole detectors, beyond those of what reads images."""

from __future__ import annotations

from mfclip.detector.outputs import Outputs
from mfclip.testing.faults import Fault
from mfclip.testing.probes import described
from mfclip.testing.subject import Subject


def gives_in_training(subject: Subject) -> None:
    """In training mode every output named in `gives` is there, for the losses that read it."""
    promised = set(getattr(subject.schema, "gives", ()))
    module = subject.fresh().train()
    result = module(*subject.probe.inputs())
    outputs = result if isinstance(result, Outputs) else Outputs(logits=result)
    absent = sorted(name for name in promised if getattr(outputs, name, None) is None)
    if absent:
        raise Fault(
            f"outputs in `gives` are absent in training: {', '.join(absent)}",
            received=described(result),
            expected="mfclip.detector.outputs.Outputs with all of them",
        )
