"""What a detector gives and what it is compared with, brought together from all processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from mfclip.detector.contracts import compares_rows
from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError
from mfclip.output_names import Shape
from mfclip.ranks.shares import gather


def outputs_of_all(outputs: Outputs, shapes: Mapping[str, Shape], label: str) -> Outputs:
    """The outputs for the whole batch. The similarity, and whatever compares rows, is so already.

    ``shapes`` are those that the detector declares of its own outputs.

    Raises
    ------
    PluginError
        Where an output's shape is not declared, or has its rows elsewhere than in front.
    """
    return replace(
        outputs,
        logits=gather(outputs.logits),
        visual=_gathered(outputs.visual),
        text=_gathered(outputs.text),
        predicted_text=_gathered(outputs.predicted_text),
        extra={
            name: _own(name, value, shapes.get(name), label)
            for name, value in outputs.extra.items()
        },
    )


def targets_of_all(targets: Targets) -> Targets:
    """The truth for the whole batch, and what the losses read beside it."""
    return Targets(
        label=gather(targets.label),
        prompt=gather(targets.prompt),
        named={
            name: gather(value) if isinstance(value, Tensor) else value
            for name, value in targets.named.items()
        },
    )


def _gathered(rows: Tensor | None) -> Tensor | None:
    return None if rows is None else gather(rows)


def _own(name: str, value: Tensor, shape: Shape | None, label: str) -> Tensor:
    """An output of the detector's own; one without rows is alike in all processes."""
    rows = [] if shape is None else [size == "batch" for size in shape]
    if shape is not None and compares_rows(shape):
        return value
    if shape is None or any(rows[1:]):
        told = "declares no shape of it" if shape is None else f"its `shapes` says {shape}"
        raise PluginError(
            f"{label} gives {name!r}, and {told}: several processes bring the rows of an output "
            "together where `shapes` has 'batch' first, and only there. Train in one process, or "
            "report it to the plugin's author"
        )
    return gather(value) if any(rows) else value
