"""AUC under corruptions of rising strength, several detectors (the paper's Fig. 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from mfclip.metrics.results import Interval
from mfclip.pages.svg import (
    DASHES,
    MUTED,
    SERIES,
    Drawing,
    below,
    beside,
    draw_panels,
    plain,
)
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Levels: TypeAlias = Sequence[Interval | None]
"""AUC at level 0 (the untouched images) and on; None where nothing was measured."""
COLUMNS = 4
"""Panels in a row."""
MARKS = "osD^vP"
"""A marker for each detector: colour is never the only difference."""


def robustness_drawing(
    curves: Mapping[str, Mapping[str, Levels]],
    *,
    subject: str,
    images: int,
    interval: str = "95% intervals",
    limits: tuple[float, float] | None = None,
    name: str = "robustness",
) -> Drawing:
    """Small multiples, one panel a corruption, one line a detector, bands for the intervals.

    Args:
        curves: Corruption -> detector -> AUC (0-1) by level; one without an interval has no band
            there. A panel of means is one more entry.
        subject: What was corrupted, as the caption names it.
        images: How many of them.
        interval: What the bands are, as the caption names it; empty: there are none.
        limits: Lowest and highest AUC that the axes must show, for several figures with one axis.
        name: Prefix of the ids inside, different for every figure of a page.

    Raises:
        ValueError: There is no corruption, no detector, or more detectors than line styles.
    """
    detectors = list(dict.fromkeys(name for panel in curves.values() for name in panel))
    if not 1 <= len(detectors) <= len(SERIES):
        raise ValueError(f"1 to {len(SERIES)} detectors fit into a figure, got {len(detectors)}")
    columns = min(COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    width = 0.6 + 1.9 * columns
    across = beside(detectors, width)
    return draw_panels(
        name,
        (width, 0.7 + 1.75 * rows + 0.18 * math.ceil(len(detectors) / across)),
        (rows, columns),
        lambda panels: _paint(panels, curves, detectors, columns, across, limits),
        alt=f"AUC of {', '.join(detectors)} under {', '.join(curves)}, by strength",
        caption=f"AUC in percent on {counted(images, 'image')} of {subject} under each corruption; "
        "level 0: not corrupted. "
        + (f"Bands: {interval}; dotted" if interval else "Dotted")
        + f": chance. {_hardest(curves)}".rstrip(),
    )


def _hardest(curves: Mapping[str, Mapping[str, Levels]]) -> str:
    """Where the first detector loses most between level 0 and the last one."""
    losses = {}
    for corruption, panel in curves.items():
        levels = next(iter(panel.values()), ())
        if len(levels) > 1 and levels[0] is not None and levels[-1] is not None:
            losses[corruption] = 100 * (levels[0].value - levels[-1].value)
    if not losses:
        return ""
    worst = max(losses, key=lambda name: losses[name])
    if losses[worst] <= 0:
        return ""
    first = next(iter(curves[worst]))
    return f"{first} loses most under {worst}: {losses[worst]:.1f} points."


def _paint(
    panels: Sequence[Axes],
    curves: Mapping[str, Mapping[str, Levels]],
    detectors: Sequence[str],
    columns: int,
    across: int,
    limits: tuple[float, float] | None,
) -> None:
    """Panels in their order; those left over are blank."""
    for place, axes in enumerate(panels):
        if place >= len(curves):
            axes.set_visible(False)
            continue
        corruption, panel = list(curves.items())[place]
        axes.axhline(50, color=MUTED, linewidth=0.9, linestyle=":")
        for number, detector in enumerate(detectors):
            _line(axes, number, detector, panel.get(detector, ()))
        axes.set_title(plain(corruption))
        # A panel above a blank one has the axis that the blank one cannot show.
        lowest = place + columns >= len(curves)
        axes.tick_params(labelbottom=lowest)
        axes.set(xlabel="level" if lowest else "", ylabel="" if place % columns else "AUC, percent")
    panels[0].set_xticks(
        range(max(len(one) for panel in curves.values() for one in panel.values()))
    )
    if limits is not None:
        margin = 5 * (max(limits[1], 0.5) - min(limits[0], 0.5))
        panels[0].set_ylim(100 * min(limits[0], 0.5) - margin, 100 * max(limits[1], 0.5) + margin)
    fullest = max(range(len(curves)), key=lambda at: len(list(curves.values())[at]))
    below(panels[fullest], columns=across)


def _line(axes: Axes, number: int, detector: str, levels: Levels) -> None:
    """One detector's figures with their band."""
    found = [(level, 100 * one.value, one) for level, one in enumerate(levels) if one is not None]
    if not found:
        return
    places, values, intervals = zip(*found, strict=True)
    axes.fill_between(
        places,
        [100 * one.low for one in intervals],
        [100 * one.high for one in intervals],
        color=SERIES[number],
        alpha=0.16,
        linewidth=0,
    )
    axes.plot(
        places,
        values,
        color=SERIES[number],
        linestyle=DASHES[number],
        marker=MARKS[number],
        markersize=3.5,
        linewidth=1.4,
        label=plain(detector),
    )
