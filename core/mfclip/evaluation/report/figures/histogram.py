"""How the scores of reals and of fakes are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable
from mfclip.pages.svg import FAKE, INK, REAL, Drawing, below, draw
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 3.4


def histogram_drawing(scores: ScoreTable, operating: OperatingPoints, subject: str) -> Drawing:
    """Histograms of ``p_fake`` by label, with the threshold."""
    scored = scores.scored()
    p_fake = operating.p_fake(scored.log_odds)
    missed = int(np.count_nonzero(p_fake[scored.is_fake] < operating.threshold))
    alarms = int(np.count_nonzero(p_fake[~scored.is_fake] >= operating.threshold))
    return draw(
        "histogram",
        _HEIGHT,
        lambda axes: _paint(axes, p_fake, scored.is_fake, operating.threshold),
        alt="Histograms of p_fake for real and for fake images",
        caption=f"p_fake of {counted(scored.reals, 'real')} and {counted(scored.fakes, 'fake')} of "
        f"{subject}. At the threshold of {operating.threshold:.3f} are wrong: "
        f"{counted(alarms, 'real')} flagged, {counted(missed, 'fake')} missed.",
    )


def _paint(
    axes: Axes,
    p_fake: np.ndarray,
    is_fake: np.ndarray,
    threshold: float,
) -> None:
    """Outlines over thin fills; fakes are hatched, so colour is not the only difference."""
    from matplotlib.ticker import MaxNLocator

    bins = np.linspace(0, 1, 41 if len(p_fake) > 400 else 21)
    for label, chosen, colour, hatch in (
        ("real", ~is_fake, REAL, None),
        ("fake", is_fake, FAKE, "////"),
    ):
        counts, _ = np.histogram(p_fake[chosen], bins)
        axes.stairs(counts, bins, fill=True, color=colour, alpha=0.22, hatch=hatch)
        axes.stairs(counts, bins, color=colour, linewidth=1.6, label=label)
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label="threshold")
    axes.set(xlim=(0, 1), xlabel="p_fake", ylabel="images", title="Scores by label")
    axes.margins(y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    below(axes, columns=3)
