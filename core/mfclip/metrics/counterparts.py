"""Which reals the fakes of one generator are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfclip.metrics.scores import ScoreTable


def counterpart(
    table: ScoreTable, fakes: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], str, tuple[str, ...]]:
    """The reals to compare some fakes with, in words too, and what to beware of.

    They are the reals of the fakes' own groups, and all reals where those groups have none.
    """
    real = ~table.is_fake
    if not real.any():
        return real, "", ()
    groups = np.unique(table.group[fakes])
    same = real & np.isin(table.group, groups)
    names = ", ".join(named(str(group)) for group in groups)
    if same.any():
        every = not (table.group != "").any() or bool((same == real).all())
        return same, "all reals" if every else f"reals of {names}", ()
    warning = (
        f"{names} has no reals, so these fakes are compared with the reals of all groups: "
        "the figures mix forgery with any other difference between the groups"
    )
    return real, "all reals", (warning,)


def named(name: str) -> str:
    """A group or generator, also where it has no name."""
    return name or "(unnamed)"
