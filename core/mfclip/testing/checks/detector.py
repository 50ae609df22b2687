"""Checks of whole detectors, beyond those of what reads images."""

from __future__ import annotations

from torch import Tensor

from mfclip.detector.outputs import Outputs
from mfclip.output_names import STANDARD
from mfclip.testing.faults import Fault
from mfclip.testing.probes import described
from mfclip.testing.subject import Subject


def gives_in_training(subject: Subject) -> None:
    """In training mode every output named in `gives` is there, for the losses that read it."""
    promised = set(getattr(subject.schema, "gives", ()))
    module = subject.fresh().train()
    given = subject.probe.inputs()
    result = module(*given, **subject.probe.beside(module, given))
    outputs = result if isinstance(result, Outputs) else Outputs(logits=result)
    absent = sorted(name for name in promised if outputs.get(name) is None)
    if absent:
        raise Fault(
            f"outputs in `gives` are absent in training: {', '.join(absent)}",
            received=described(result),
            expected="mfclip.detector.outputs.Outputs with all of them",
            advice="names other than the five standard ones lie in Outputs.extra",
        )
    for name in sorted(promised - set(STANDARD)):
        value = outputs.get(name)
        if not isinstance(value, Tensor) or not value.isfinite().all():
            raise Fault(
                f"the output '{name}' cannot be read by a loss",
                received=described(value),
                expected="a tensor of finite numbers in Outputs.extra",
            )
