"""ROC curves with the operating points on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mfclip.metrics.measures import RocCurve, roc_auc, roc_curve
from mfclip.metrics.results import HALF, Evaluation, Rates
from mfclip.metrics.scores import ScoreTable
from mfclip.pages.svg import (
    DASHES,
    INK,
    LINE,
    MUTED,
    PAPER,
    SERIES,
    Drawing,
    below,
    draw,
    plain,
)
from mfclip.pages.words import percent
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class _Curve(NamedTuple):
    name: str
    images: int
    auc: float
    roc: RocCurve

    @property
    def label(self) -> str:
        """Its line of the legend."""
        return f"{plain(self.name)}: AUC {percent(self.auc)}"


def roc_drawings(evaluation: Evaluation, scores: ScoreTable, subject: str) -> list[Drawing]:
    """The whole curve, and its low end on a logarithmic axis; none for a single class."""
    whole = _curve("overall", scores.scored())
    if whole is None:
        return []
    groups = _groups(scores.scored())
    curves = [*groups[: len(SERIES)], whole]
    hidden = len(groups) - len(SERIES)
    note = f" The {hidden} smallest groups are not drawn." if hidden > 0 else ""
    row = evaluation.overall
    basis = f"{counted(row.reals, 'real')} and {counted(row.fakes, 'fake')} of {subject}"
    low = 0.5 / row.reals
    height = 3.3 + 0.17 * max(len(curves), len(_fitted(evaluation)))
    return [
        draw(
            "roc",
            height,
            lambda axes: _paint_whole(axes, curves, evaluation),
            alt=f"ROC curve with an area of {row.roc_auc} percent under it",
            caption=f"ROC of {basis}; AUC {row.roc_auc} percent. The dots are thresholds fitted on "
            f"validation: they show what these do here.{note}",
        ),
        draw(
            "roc-low",
            height,
            lambda axes: _paint_low(axes, curves, evaluation, low),
            alt="The same ROC curve with a logarithmic axis of false alarms",
            caption="The same curves where false alarms are rare, which is where a detector that "
            f"sees mostly real images has to work. With {counted(row.reals, 'real image')}, the "
            f"smallest rate above zero is {1 / row.reals:.2%}.",
        ),
    ]


def _curve(name: str, images: ScoreTable) -> _Curve | None:
    """The curve of some images; None where they lack a class."""
    roc = roc_curve(images.is_fake, images.log_odds)
    if roc is None:
        return None
    return _Curve(name, len(images), roc_auc(images.is_fake, images.log_odds), roc)


def _groups(scores: ScoreTable) -> list[_Curve]:
    """A curve for each group with both classes, large groups first; none for a single group."""
    names = np.unique(scores.group)
    curves = [
        _curve(str(name) or "(unnamed)", scores.where(scores.group == name)) for name in names
    ]
    found = sorted((curve for curve in curves if curve), key=lambda curve: -curve.images)
    return found if len(names) > 1 else []


def _share(share: float, _: float) -> str:
    """A tick in percent."""
    return f"{100 * share:g} %"


def _paint(axes: Axes, curves: Sequence[_Curve], evaluation: Evaluation, floor: float) -> None:
    """Curves and points; rates below ``floor`` are drawn at it."""
    for i, curve in enumerate(curves):
        whole = curve is curves[-1]
        axes.plot(
            np.maximum(curve.roc.fpr, floor),
            curve.roc.tpr,
            color=INK if whole else SERIES[i],
            linestyle="-" if whole else DASHES[i],
            linewidth=2 if whole else 1.3,
            label=curve.label,
        )
    for rates, marker in zip(_fitted(evaluation), "osD", strict=False):
        axes.plot(
            max(rates.false_alarms.value, floor),
            rates.found.value,
            marker,
            markersize=7,
            color=INK,
            markeredgecolor=PAPER,
            markeredgewidth=1.5,
            label=rates.name,
            zorder=5,
        )
    axes.set(ylim=(-0.02, 1.02), xlabel="reals flagged (FPR)", ylabel="fakes found (TPR)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_share)


def _fitted(evaluation: Evaluation) -> list[Rates]:
    """The thresholds that were fitted, without the plain 0.5."""
    return [rates for rates in evaluation.thresholds if rates.name != HALF]


def _paint_whole(axes: Axes, curves: Sequence[_Curve], evaluation: Evaluation) -> None:
    """Both axes from 0 to 1, with chance as the diagonal."""
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    _paint(axes, curves, evaluation, 0.0)
    axes.set(xlim=(-0.02, 1.02), title="ROC")
    below(axes, columns=1, names=[curve.label for curve in curves])


def _paint_low(axes: Axes, curves: Sequence[_Curve], evaluation: Evaluation, low: float) -> None:
    """Logarithmic false alarms from half an image up."""
    for limit in (0.01, 0.05):
        axes.axvline(limit, color=LINE, linewidth=1.2)
    _paint(axes, curves, evaluation, low)
    axes.set(xscale="log", xlim=(low * 0.9, 1.1), title="ROC where false alarms are rare")
    axes.xaxis.set_major_formatter(_share)
    below(axes, columns=1, names=[rates.name for rates in _fitted(evaluation)])
