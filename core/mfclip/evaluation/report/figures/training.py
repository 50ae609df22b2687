"""What training went through, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mfclip.evaluation.report.data import EpochFigures
from mfclip.pages.svg import DASHES, INK, MUTED, SERIES, Drawing, below, draw, plain
from mfclip.pages.words import percent, power
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_History = Sequence[EpochFigures]


def training_drawings(
    history: _History, best_epoch: int | None, *, chosen_by_it: bool = True
) -> list[Drawing]:
    """Losses, validation AUC and learning rate; none without a history.

    ``chosen_by_it``: whether it was this AUC that the kept epoch was chosen by.
    """
    return list(_drawings(history, best_epoch, chosen_by_it)) if history else []


def _drawings(history: _History, best_epoch: int | None, chosen_by_it: bool) -> Iterator[Drawing]:
    """The three figures, with the kept epoch marked in each."""
    first, last, over = history[0], history[-1], f"over {counted(len(history), 'epoch')}"
    best = next((one for one in history if one["epoch"] == best_epoch), None)
    mark = f" The dashed line marks epoch {best_epoch}, whose weights are kept." if best else ""
    kept = f"; the kept epoch reached {percent(best['val_auc'])}" if best else ""
    chosen = "by which the epoch is chosen" if chosen_by_it else "by which nothing was chosen"
    rates = f"from {power(first['lr'])} to {power(last['lr'])}"
    yield draw(
        "train-loss",
        3.0,
        partial(_losses, history=history, best_epoch=best_epoch),
        alt=f"Losses {over}; the total ends at {last['total']:.3f}",
        caption="Training losses, the mean of each epoch (terms unweighted, total weighted), and "
        f"the cross-entropy of the validation split.{mark}",
    )
    yield draw(
        "train-auc",
        3.0,
        partial(_auc, history=history, best_epoch=best_epoch),
        alt=f"Validation AUC {over}",
        caption=f"AUC on the validation split, {chosen}{kept}. The test split plays no part in it.",
    )
    yield draw(
        "train-rate",
        3.0,
        partial(_rate, history=history, best_epoch=best_epoch),
        alt=f"Learning rate {over}, {rates}",
        caption=f"Learning rate, {rates}.",
    )


def _losses(axes: Axes, history: _History, best_epoch: int | None) -> None:
    """Total, terms and validation loss; on a logarithmic axis where they differ much."""
    terms = list(history[0]["losses"])
    series = {"total": [one["total"] for one in history]} if len(terms) != 1 else {}
    series |= {term: [one["losses"][term] for one in history] for term in terms}
    series["validation"] = [one["val_loss"] for one in history]
    for i, (name, values) in enumerate(series.items()):
        colour = INK if name == "total" else SERIES[(i - 1) % len(SERIES)]
        axes.plot(
            [one["epoch"] for one in history],
            values,
            color=colour,
            linestyle=DASHES[i % len(DASHES)],
            marker=_marker(history),
            label=plain(name),
        )
    seen = [value for values in series.values() for value in values if value > 0]
    if seen and max(seen) > 30 * min(seen):
        axes.set_yscale("log")
    _finish(axes, "Losses", history, best_epoch)
    below(axes, columns=2)


def _auc(axes: Axes, history: _History, best_epoch: int | None) -> None:
    """The figure that chooses the epoch."""
    epochs = [one["epoch"] for one in history]
    values = [100 * one["val_auc"] for one in history]
    axes.plot(epochs, values, color=INK, marker=_marker(history))
    axes.set_ylabel("AUC, percent")
    _finish(axes, "Validation AUC", history, best_epoch)


def _rate(axes: Axes, history: _History, best_epoch: int | None) -> None:
    """Steps, on a logarithmic axis."""
    epochs, rates = zip(*((one["epoch"], one["lr"]) for one in history), strict=True)
    axes.plot(epochs, rates, color=INK, marker=_marker(history), drawstyle="steps-mid")
    axes.set_yscale("log")
    _finish(axes, "Learning rate", history, best_epoch)


def _finish(axes: Axes, title: str, history: _History, best_epoch: int | None) -> None:
    """Whole epochs below, the kept one marked."""
    from matplotlib.ticker import MaxNLocator

    if best_epoch is not None:
        axes.axvline(best_epoch, color=MUTED, linewidth=1, linestyle="--", zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    limits = (history[0]["epoch"] - 0.5, history[-1]["epoch"] + 0.5)
    axes.set(xlabel="epoch", title=title, xlim=limits)


def _marker(history: _History) -> str:
    """Dots where one epoch alone would draw no line."""
    return "o" if len(history) == 1 else ""
