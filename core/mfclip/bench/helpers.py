"""Several processes that take the cells of one grid in turn.

The one that was started by the user lays out the grid, starts the helpers, shows what they say and
makes the tables. Each helper goes through the cells in their order and takes those that nobody is
at: a cell is held by a lock beside its folder while it is trained and scored. So one that fails, or
is killed, costs its own cell alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfclip.bench.grid import Tell, finish_cell, require_unchanged, train_cell, write_manifests
from mfclip.bench.scoring import is_scored, score_cell
from mfclip.errors import TrainingError, UsageError
from mfclip.locks import CannotWriteError, holding

if TYPE_CHECKING:
    from mfclip.bench.cells import Cell
    from mfclip.bench.engine import Engine
    from mfclip.bench.grid import Grid

PATIENCE = 30.0
"""Seconds that helpers get to end by themselves when the run is stopped."""


@dataclass(frozen=True)
class Helper:
    """How a helper is started."""

    command: Sequence[str]
    environment: Mapping[str, str]


def run_grid_with(
    grid: Grid, helpers: Sequence[Helper], tell: Tell, *, restart: bool = False
) -> None:
    """Have every cell that is not finished trained and scored by the helpers.

    Otherwise as :func:`mfclip.bench.grid.run_grid`. What a helper was at when it ended early is
    kept as failed; the next run tries it again.
    """
    changed = require_unchanged(grid, restart=restart)
    write_manifests(grid)
    for cell in grid.cells:
        record = cell.record()
        if cell.name in changed:
            cell.begin(restart=True)
        elif record is not None and record.failed:  # of an earlier run: tried again
            cell.write(record.model_copy(update={"failed": ""}))
    codes = start(helpers, tell)
    early = ", ".join(f"helper {n} with {code}" for n, code in enumerate(codes, 1) if code)
    for cell in grid.cells:
        if not cell.failed and not _is_done(grid, cell):
            if cell.state() == "new":
                cell.begin(restart=False)
            why = f"ended too early: {early}" if early else "another process is at it"
            tell(f"failed: {cell.name}: {cell.fail(TrainingError(why))}")


def take_cells(grid: Grid, engine: Engine, tell: Tell) -> None:
    """In a helper: train and score one cell after the other, but for those that others are at."""
    for number, cell in enumerate(grid.cells, 1):
        if _is_done(grid, cell):
            continue
        with _if_free(cell) as free:
            # Another helper may have come first, and be through with it.
            if not free or cell.failed or _is_done(grid, cell):
                continue
            if cell.state() != "finished":
                tell(f"cell {number} of {len(grid.cells)}: {cell.name}")
                train_cell(cell, engine.train, tell)
            else:
                finish_cell(cell)
            score_cell(grid, cell, engine.open, tell)


def start(helpers: Sequence[Helper], tell: Tell) -> list[int]:
    """Run them all, tell each line that they say on stderr, and wait; their exit codes.

    They end where this process ends: their standard input closes then.
    """
    running: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    try:
        for number, helper in enumerate(helpers, 1):
            one = subprocess.Popen(
                helper.command,
                env=dict(helper.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            running.append(one)
            readers.append(threading.Thread(target=_relay, args=(one, number, tell), daemon=True))
            readers[-1].start()
        return [one.wait() for one in running]
    finally:
        _end(running)
        for reader in readers:
            reader.join()


def end_with_parent() -> None:
    """In a helper: be terminated when whoever holds the other end of standard input goes."""

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _relay(one: subprocess.Popen[str], number: int, tell: Tell) -> None:
    assert one.stderr is not None
    for line in one.stderr:
        if line.strip():
            tell(f"[{number}] {line.rstrip()}")


def _end(running: Sequence[subprocess.Popen[str]]) -> None:
    """End what still runs: politely, then not."""
    for one in running:
        if one.poll() is None:
            one.terminate()
    for one in running:
        try:
            one.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
        assert one.stdin is not None
        one.stdin.close()


def _is_done(grid: Grid, cell: Cell) -> bool:
    """Whether it is trained, noted down and scored."""
    record = cell.record()
    noted = record is not None and bool(record.weights_sha256)
    return noted and cell.state() == "finished" and is_scored(grid, cell)


@contextmanager
def _if_free(cell: Cell) -> Iterator[bool]:
    """Hold a cell within the block, unless another process does: then False."""
    with ExitStack() as stack:
        try:
            stack.enter_context(holding(cell.folder))
            free = True
        except CannotWriteError:
            raise
        except UsageError:
            free = False
        yield free
