"""The AUC of every row with its interval, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mfclip.metrics.results import Evaluation, Row
from mfclip.pages.svg import INK, MUTED, SERIES, WIDE, Drawing, draw, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {"overall": ("D", INK), "group": ("o", SERIES[0]), "mean": ("D", MUTED)}
_MARKS["generator"] = ("s", SERIES[1])


def forest_drawing(evaluation: Evaluation) -> Drawing | None:
    """Dots and intervals of AUC; None where there is nothing beside the overall figure."""
    rows = [row for row in evaluation.rows() if not np.isnan(row.roc_auc.value)]
    if len(rows) < 2:
        return None
    weakest = min(rows, key=lambda row: row.roc_auc.value)
    confidence = f"{evaluation.settings.confidence:.0%}"
    return draw(
        "forest",
        0.8 + 0.26 * len(rows),
        lambda axes: _paint(axes, rows),
        width=WIDE,
        alt="AUC with its interval: "
        + "; ".join(f"{row.kind} {row.name} {row.roc_auc}" for row in rows),
        caption=f"AUC in percent with {confidence} bootstrap intervals; behind each name, reals "
        "and fakes. Round: groups; square: the fakes of one generator against reals of their "
        f"groups. Dotted: chance. Weakest: {weakest.name}, {weakest.roc_auc}.",
    )


def _paint(axes: Axes, rows: list[Row]) -> None:
    """One line a row, the first on top."""
    for place, row in enumerate(rows):
        interval, (marker, colour) = row.roc_auc, _MARKS[row.kind]
        axes.plot([100 * interval.low, 100 * interval.high], [place, place], color=colour)
        axes.plot(100 * interval.value, place, marker, color=colour, markersize=6)
    axes.axvline(50, color=MUTED, linewidth=0.9, linestyle=":")
    names = [f"{plain(row.name)}  {row.reals}/{row.fakes}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    lowest = min(row.roc_auc.low for row in rows)
    axes.set(
        ylim=(len(rows) - 0.5, -0.5),
        xlim=(min(48, 100 * lowest - 2), 101.5),
        xlabel="AUC, percent",
        title="Where it works and where not",
    )
    axes.grid(axis="y", visible=False)
