"""What a grid would do, told before it does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mfclip.bench.cells import Cell
from mfclip.bench.grid import Grid, manifest_file
from mfclip.building.remarks import remarks
from mfclip.data.kind_folds import kind_folds
from mfclip.errors import MfclipError, in_one_line
from mfclip.recipe.candidates import candidates_of
from mfclip.text import counted

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins


def planned(grid: Grid, plugins: Plugins) -> Iterator[str]:
    """Lines: every cell with its state, and how many trainings are to be done.

    A recipe that validates by kinds left out trains once for each of its candidates and kinds, and
    once more. A cell whose data does not allow its folds is told as one that cannot be trained.
    """
    changed, trainings = grid.changed(), 0
    for cell in grid.cells:
        state, counts = _state(cell, cell.name in changed), cell.experiment.counts
        line = f"{state:10}  {cell.name}  ({counts.reals} real, {counts.fakes} fake)"
        if state == "finished":
            yield line
            continue
        try:
            own = trainings_of(cell, grid, plugins)
        except MfclipError as error:
            yield f"{line}: cannot be trained: {in_one_line(error)}"
            continue
        trainings += own
        yield line + (f", {counted(own, 'training')}" if own > 1 else "")
    tests = sum(row.split == "test" for row in grid.manifest.rows)
    yield (
        f"{counted(len(grid.cells), 'cell')}, {counted(trainings, 'training')} to do; "
        f"{counted(tests, 'test image')} each"
    )
    for note in (*grid.protocol.notes, *remarks_on(grid)):
        yield f"note: {note}"
    for name, changes in changed.items():
        yield f"changed: {name}: {'; '.join(changes)}"
    for name, reason in grid.failures().items():
        yield f"failed: {name}: {reason}"


def remarks_on(grid: Grid) -> Iterator[str]:
    """What to know of its detectors before any of them is trained."""
    for one in grid.candidates:
        yield from (f"{one.name}: {text}" for text in remarks(one.recipe, grid.manifest))


def trainings_of(cell: Cell, grid: Grid, plugins: Plugins) -> int:
    """How often a detector is trained for a cell; what was finished of them is not looked at.

    Raises
    ------
    DataError
        As :func:`mfclip.data.kind_folds.kind_folds`.
    """
    training = cell.recipe.training
    column = training.left_out if training else None
    if column is None:
        return 1
    folds = kind_folds(grid.manifests[manifest_file(grid.out, cell.experiment)], column)
    return len(candidates_of(cell.recipe, plugins)) * len(folds) + 1


def _state(cell: Cell, changed: bool) -> str:
    if changed:
        return "changed"
    return "failed" if cell.failed else cell.state()
