"""Whether ``p_fake`` keeps its word: share of fakes against what the detector said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfclip.metrics.calibration import CalibrationCurve
from mfclip.pages.svg import INK, MUTED, SERIES, Drawing, draw
from mfclip.pages.words import percent
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def calibration_drawing(curve: CalibrationCurve, subject: str) -> Drawing | None:
    """Dots with intervals, one a bin, beside the diagonal; None where there is no bin."""
    if not curve.bins:
        return None
    images = sum(each.images for each in curve.bins)
    sizes = sorted({each.images for each in curve.bins})
    each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
    return draw(
        "calibration",
        3.2,
        lambda axes: _paint(axes, curve),
        alt=f"Share of fakes by p_fake, with an expected calibration error of {curve.error:.3f}",
        caption=f"Calibration on {counted(images, 'image')} of {subject}, in bins of {each} "
        f"images. Bars: {curve.confidence:.0%} intervals; dotted: perfect calibration; above it, "
        f"the detector is too sure of real. Mean error {percent(curve.error)}; a perfect detector "
        f"would show {percent(curve.error_by_chance)} on so many images.",
    )


def _paint(axes: Axes, curve: CalibrationCurve) -> None:
    """The diagonal, then one dot a bin."""
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    said = [each.p_fake for each in curve.bins]
    for each in curve.bins:
        axes.plot([each.p_fake] * 2, [each.low, each.high], color=SERIES[0], linewidth=1.6)
    axes.plot(said, [each.fakes for each in curve.bins], "-", color=SERIES[0], linewidth=0.8)
    axes.plot(said, [each.fakes for each in curve.bins], "o", color=INK, markersize=4.5)
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="p_fake",
        ylabel="share of fakes",
        title="Does p_fake keep its word?",
    )
