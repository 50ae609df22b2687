"""Memory that ends is told in a line; another error keeps its traceback."""

from __future__ import annotations

import sys

import pytest

from mfclip.cli.app import _run
from mfclip.cli.interrupts import Stop

CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError(CPU), RuntimeError("CUDA out of memory. Tried 2 GiB")]
)
def test_it_is_named_with_what_to_do(error, monkeypatch, capsys):
    def command():
        raise error

    monkeypatch.setattr(sys, "argv", ["mfclip"])
    with pytest.raises(SystemExit) as end:
        _run(command, Stop())
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out of memory: ")
    assert "--batch-size" in line


@pytest.mark.parametrize("argv", [["mfclip"], ["mfclip", "--debug"]])
def test_other_errors_pass(argv, monkeypatch):
    def command():
        raise RuntimeError("out of luck" if len(argv) == 1 else CPU)

    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(RuntimeError, match=r"luck|Allocator"):
        _run(command, Stop())
