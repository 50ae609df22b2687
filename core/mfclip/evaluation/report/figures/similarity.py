"""How visual and text embeddings of one batch agree (the paper's Fig. 9a)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from mfclip.evaluation.report.data import SimilarityMatrix
from mfclip.evaluation.report.svg import PAPER, Drawing, draw, plain
from mfclip.evaluation.report.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def similarity_drawing(similarity: SimilarityMatrix) -> Drawing:
    """The matrix with a block for each prompt."""
    cosine, labels = np.asarray(similarity.cosine), np.asarray(similarity.labels)
    same = labels[:, None] == labels[None, :]
    means = f"Mean within the blocks {_signed(cosine[same].mean())}"
    if not same.all():
        means += f", outside {_signed(cosine[~same].mean())}"
    return draw(
        "similarity",
        3.9,
        lambda axes: _paint(axes, similarity),
        width=4.4,
        alt="Matrix of cosine similarities between images and prompts, in blocks of one prompt",
        caption=f"Cosine similarity of visual (rows) and text embeddings (columns) of "
        f"{count(len(labels), 'pair')}, in blocks of one prompt each. {means}. Bright blocks "
        "along the diagonal mean that images agree with their own prompt. Text is used in "
        "training only.",
    )


def _signed(value: float) -> str:
    """Two digits, with a true minus."""
    return f"{value:.2f}".replace("-", "−")


def _paint(axes: Axes, similarity: SimilarityMatrix) -> None:
    """The matrix over its own range of values, blocks parted by thin lines."""
    cosine = np.asarray(similarity.cosine)
    picture = axes.imshow(cosine, cmap="cividis", interpolation="nearest")
    names, centres, ends = _blocks(list(similarity.labels))
    for end in ends[:-1]:
        axes.axhline(end, color=PAPER, linewidth=1)
        axes.axvline(end, color=PAPER, linewidth=1)
    axes.set_xticks(centres, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(centres, names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(title="Cosine similarity", xlabel="prompt", ylabel="image")
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, aspect=24, pad=0.02)
    bar.outline.set_visible(False)


def _blocks(labels: list[str]) -> tuple[list[str], list[float], list[float]]:
    """Runs of equal labels: name, centre, and the edge after each."""
    names, centres, ends, start = [], [], [], 0
    for name, run in groupby(labels):
        length = len(list(run))
        names.append(plain(name))
        centres.append(start + (length - 1) / 2)
        start += length
        ends.append(start - 0.5)
    return names, centres, ends
