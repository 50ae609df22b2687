"""The helpers of ``mfclip bench --workers``: the same command once more, told to help."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mfclip.compute.cores import cores

if TYPE_CHECKING:
    import typer

    from mfclip.bench.helpers import Helper

PROGRAM = "from mfclip.cli import main; main()"
THREADS = "OMP_NUM_THREADS"


def helpers_of(context: typer.Context, count: int, device: str) -> list[Helper]:
    """As many as were asked for, each with its device and its share of the cores; none for one.

    Raises :class:`mfclip.errors.UsageError` for a device that is not there.
    """
    if count == 1:
        return []
    from mfclip.bench.helpers import Helper
    from mfclip.compute.devices import devices_for

    threads = {THREADS: str(max(1, cores() // count)), **os.environ}
    command = [sys.executable, "-c", PROGRAM, "bench", *_words(context), "--as-helper"]
    return [Helper([*command, "--device", one], threads) for one in devices_for(device, count)]


def _words(context: typer.Context) -> Iterator[str]:
    """The options of this command as words, but for those that helpers get anew."""
    for option in context.command.params:
        if option.name in ("workers", "device", "restart"):
            continue
        value: Any = context.params[option.name]
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is True:
                yield option.opts[0]
            elif one is not None and one is not False:
                yield f"{option.opts[0]}={one}"
