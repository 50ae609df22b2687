"""Which rows of a table do not depend on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int, Shaped
from numpy.typing import NDArray

from mfclip.metrics.scores import ScoreTable


def clusters(table: ScoreTable) -> Int[NDArray[Any], " n"]:
    """The unit of each image, numbered from 0, as :attr:`mfclip.data.manifest.Row.unit` has it.

    Images of one identity are one unit; without an identity, the frames of one video; an image
    with neither is a unit of its own.
    """
    return units(table.identity, table.video)


def units(*columns: Shaped[NDArray[Any], " n"]) -> Int[NDArray[Any], " n"]:
    """Number the rows by the first of the columns, texts, in which they are not empty.

    Rows that are empty in all of them are each a unit of their own; the numbers of the first
    column come first, in the order of its texts.
    """
    rows = len(columns[0])
    unit = np.empty(rows, dtype=np.int64)
    free, first = np.ones(rows, dtype=bool), 0
    for column in columns:
        known = free & (column != "")
        names, numbered = np.unique(column[known], return_inverse=True)
        unit[known] = first + numbered
        free, first = free & ~known, first + len(names)
    unit[free] = first + np.arange(np.count_nonzero(free))
    return unit
