"""When a part fails: which one it was, whose it is, and what can be done.

Nothing here runs while all goes well: who failed is read off the traceback afterwards, so the
forward pass carries no extra code and compiles as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch
from torch import nn

from mfclip.errors import MfclipError, PluginError, in_one_line

ADVICE = "Report it to the plugin's author, or take another part; --debug shows the traceback."
_NO_MEMORY = "can't allocate memory"
"""What PyTorch says, in a plain RuntimeError, when the CPU's memory is full."""


@contextmanager
def blaming(label: str, what: str, inside: Mapping[int, str] | None = None) -> Iterator[None]:
    """Whatever is raised in here becomes a PluginError: ``label what: cause``.

    Errors of the framework pass unchanged, and so do Ctrl-C and a memory that is full: they are
    not the part's fault. ``inside`` gives the labels of parts within the part, by ``id``: the
    one that was running is named instead.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if not_its_fault(error):
            raise
        culprit = _running(error.__traceback__, inside or {}) or label
        # An operating system's error mostly tells of the machine: a disk, a network.
        advice = "" if isinstance(error, OSError) else f". {ADVICE}"
        raise PluginError(f"{culprit} {what}: {in_one_line(error)}{advice}") from error


@contextmanager
def naming_parts(*modules: nn.Module) -> Iterator[None]:
    """Whatever a part's forward pass raises in here becomes a PluginError that names the part.

    ``modules`` are detectors and objectives: modules with ``parts`` by their place, and
    ``labels``, how each is named. An error that none of their parts was running for passes
    unchanged.
    """
    try:
        yield
    except Exception as error:
        labels = dict(pair for module in modules for pair in _labels(module))
        label = _running(error.__traceback__, labels)
        if label is None or not_its_fault(error):
            raise
        text = f"{label} failed in its forward pass: {in_one_line(error)}. {ADVICE}"
        raise PluginError(text) from error


def not_its_fault(error: BaseException) -> bool:
    """Errors that say themselves what is wrong, and a memory that is full."""
    return isinstance(error, MfclipError) or is_out_of_memory(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Python's error, PyTorch's on a GPU, and the RuntimeError that it raises on a CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY in str(error)


def _running(trace: TracebackType | None, labels: Mapping[int, str]) -> str | None:
    """The label of the innermost object whose method was running: parts can hold parts."""
    found = None
    while trace is not None:
        found = labels.get(id(trace.tb_frame.f_locals.get("self")), found)
        trace = trace.tb_next
    return found


def _labels(module: Any) -> Iterator[tuple[int, str]]:
    labels = getattr(module, "labels", {})
    for path, part in module.parts().items() if labels else ():
        if path in labels:
            yield id(part), labels[path]
