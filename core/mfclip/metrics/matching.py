"""Bringing two tables of scores of the same images into one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mfclip.errors import DataError
from mfclip.metrics.scores import ScoreTable


def matched(a: ScoreTable, b: ScoreTable) -> ScoreTable:
    """The second table's log-odds on the first one's rows.

    Raises:
        DataError: The images are not the same, a label differs, or an image is listed twice.
    """
    place = {str(path): at for at, path in enumerate(b.path)}
    _check_paths(a, b)
    order = np.array([place[str(path)] for path in a.path], dtype=np.int64)
    differ = a.path[b.is_fake[order] != a.is_fake]
    if differ.size:
        raise DataError(
            f"the two do not agree on what is fake: {_counted(differ)} with another label; "
            "score both on one manifest"
        )
    return replace(a, log_odds=b.log_odds[order])


def _check_paths(a: ScoreTable, b: ScoreTable) -> None:
    """Raise unless both list the same images, each once."""
    of_a, of_b = (set(map(str, table.path)) for table in (a, b))
    if of_a != of_b:
        only_a, only_b = sorted(of_a - of_b), sorted(of_b - of_a)
        raise DataError(
            f"the two were not scored on the same images: {_counted(only_a)} only in the first, "
            f"{_counted(only_b)} only in the second; score both on one manifest and split, for "
            "example with mfclip evaluate --out"
        )
    if not len(a) == len(b) == len(of_a):
        raise DataError("an image is listed twice, so its two scores cannot be told apart")


def _counted(paths: Sequence[str]) -> str:
    """How many, with the first as an example."""
    return f"{len(paths)} (such as {paths[0]})" if len(paths) else "none"
