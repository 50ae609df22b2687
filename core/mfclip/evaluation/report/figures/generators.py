"""AUC of several detectors by generator, or by another kind of test set (the paper's Fig. 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mfclip.metrics.results import Interval
from mfclip.pages.svg import (
    INK,
    MUTED,
    PAPER,
    SERIES,
    WIDE,
    Drawing,
    below,
    beside,
    draw,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----")
"""A filling for each detector: colour is never the only difference."""


def generators_drawing(
    bars: Mapping[str, Mapping[str, Interval]],
    *,
    counts: Mapping[str, int],
    subject: str,
    interval: str = "95% intervals",
    by: str = "generator",
    lowest: float | None = None,
    name: str = "generators",
) -> Drawing:
    """Bars from the line of chance, one group a generator, one bar a detector, with whiskers.

    Args:
        bars: Generator -> detector -> AUC, 0-1; a bar without an interval has no whisker.
        counts: Fakes of each generator.
        subject: Where they are from, as the caption names it.
        interval: What the whiskers are, as the caption names it; empty: there are none.
        by: What tells the groups apart.
        lowest: AUC that the axis must reach down to, for several figures with one axis.
        name: Prefix of the ids inside, different for every figure of a page.

    Raises:
        ValueError: There is no bar, or more detectors than fillings.
    """
    detectors = list(dict.fromkeys(name for group in bars.values() for name in group))
    if not 1 <= len(detectors) <= len(SERIES):
        raise ValueError(f"1 to {len(SERIES)} detectors fit into a figure, got {len(detectors)}")
    across = beside(detectors, WIDE)
    rows = math.ceil(len(detectors) / across)
    hardest = min(bars, key=lambda generator: _mean(bars[generator]))
    return draw(
        name,
        0.7 + 0.18 * rows + len(bars) * (0.18 + 0.16 * len(detectors)),
        lambda axes: _paint(axes, bars, counts, detectors, across, by, lowest),
        width=WIDE,
        alt=f"AUC by {by}: "
        + "; ".join(
            f"{generator}, {detector} {_words(value)}"
            for generator, group in bars.items()
            for detector, value in group.items()
        ),
        caption=f"AUC in percent by {by}, on {subject}; behind each name, its fakes. "
        + (f"Whiskers: {interval}. " if interval else "")
        + "Bars start at 50, which is chance. Hardest on average: "
        f"{hardest}, {100 * _mean(bars[hardest]):.1f}.",
    )


def _words(one: Interval) -> str:
    """In percent, with the interval where there is one."""
    return f"{100 * one.value:.1f}" if math.isnan(one.low) else str(one)


def _reach(one: Interval) -> float:
    """The lowest AUC that a figure must show for it."""
    return one.value if math.isnan(one.low) else min(one.low, one.value)


def _mean(group: Mapping[str, Interval]) -> float:
    """Over the detectors."""
    return sum(one.value for one in group.values()) / max(1, len(group))


def _paint(
    axes: Axes,
    bars: Mapping[str, Mapping[str, Interval]],
    counts: Mapping[str, int],
    detectors: Sequence[str],
    across: int,
    by: str,
    lowest: float | None,
) -> None:
    """The first generator on top."""
    thick = 0.8 / len(detectors)
    for number, detector in enumerate(detectors):
        found = [
            (place - 0.4 + thick * (number + 0.5), group[detector])
            for place, group in enumerate(bars.values())
            if detector in group
        ]
        places, values = zip(*found, strict=True)
        axes.barh(
            places,
            [100 * one.value - 50 for one in values],
            left=50,
            height=thick * 0.9,
            color=SERIES[number],
            hatch=HATCHES[number],
            edgecolor=PAPER,
            linewidth=0,
            label=plain(detector),
        )
        for place, one in found:
            if math.isnan(one.low):
                continue
            # A rim in the colour of the page: bars may be as dark as the whisker.
            for colour, width in ((PAPER, 3.2), (INK, 1.2)):
                ends = [100 * one.low, 100 * one.high]
                axes.plot(ends, [place, place], color=colour, linewidth=width, zorder=5)
    axes.set_axisbelow(True)
    axes.axvline(50, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(bars)), [f"{plain(name)} · {counts.get(name, 0):,}" for name in bars])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    if lowest is None:
        lowest = min(_reach(one) for group in bars.values() for one in group.values())
    axes.set(
        xlim=(min(48, 100 * lowest - 2), 101.5),
        ylim=(len(bars) - 0.5, -0.5),
        xlabel="AUC, percent",
        title=f"By {by}",
    )
    below(axes, columns=across)
