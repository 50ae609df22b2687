"""What runs a detector's layers: plain PyTorch, or the same layers fused for a CPU."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch

from mfclip.compute import onednn
from mfclip.errors import UsageError

Runtime = Literal["fused", "torch", "openvino", "onnx"]
"""``fused``: see :mod:`mfclip.inference.fuse`; ``torch``: the layers as they are; the others run
exported models."""
OWN = ("auto", "fused", "torch")
"""Names that a bundle can be loaded with."""
NOT_CAST = "a part of it computes in a precision of its own, whose layers are left as they are"


class Chosen(NamedTuple):
    """What runs the layers."""

    name: Runtime
    why: str = ""
    """Why not a faster one; most often empty."""

    def __str__(self) -> str:
        """A clause for people."""
        return f"with runtime {self.name}" + (f" ({self.why})" if self.why else "")


def check_runtime(asked: str) -> None:
    """Raise :class:`UsageError` where a bundle cannot be loaded with one of this name."""
    if asked in OWN:
        return
    if asked in get_args(Runtime):
        raise UsageError(
            f"runtime {asked} runs exported models: score with `mfclip score --runtime {asked}`, "
            "or export the bundle with `mfclip export`"
        )
    raise UsageError(f"no runtime is called {asked!r}; allowed: {', '.join(OWN)}, openvino, onnx")


def choose_runtime(
    asked: str, device: torch.device, precision: torch.dtype, *, cast: bool
) -> Chosen:
    """The fastest that can run here, or the one that is asked for.

    ``cast``: whether the layers' weights are in ``precision``.

    Raises
    ------
    UsageError
        Where there is none of this name, or it cannot run here.
    """
    check_runtime(asked)
    if asked == "torch" or (asked == "auto" and device.type != "cpu"):
        return Chosen("torch")
    why = f"it is for CPUs, not for {device}" if device.type != "cpu" else ""
    why = why or ("" if cast else NOT_CAST) or onednn.trouble(precision)
    if why and asked == "fused":
        raise UsageError(f"runtime fused cannot be used: {why}; use --runtime torch")
    return Chosen("torch", f"fused cannot be used: {why}") if why else Chosen("fused")
