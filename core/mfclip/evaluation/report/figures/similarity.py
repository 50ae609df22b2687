"""How visual and text embeddings of one batch agree (the paper's Fig. 9a)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from mfclip.evaluation.report.data import SimilarityMatrix
from mfclip.pages.svg import PAPER, Drawing, draw, plain
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def similarity_drawing(
    similarity: SimilarityMatrix,
    *,
    name: str = "similarity",
    title: str = "Cosine similarity",
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """The matrix with a block for each prompt.

    Args:
        similarity: Of one batch of pairs.
        name: Prefix of the ids inside, different for every figure of a page.
        title: Heading.
        limits: Both ends of the colour scale, so that matrices compare; by default its own.
    """
    return _drawing(
        similarity,
        name=name,
        title=title,
        limits=limits,
        alt="Matrix of cosine similarities between images and prompts, in blocks of one prompt",
        what="Cosine similarity of visual (rows) and text embeddings (columns) of",
        reading="Bright blocks along the diagonal mean that images agree with their own prompt. "
        "Text is used in training only.",
    )


def similarity_drawings(matrices: Mapping[str, SimilarityMatrix]) -> dict[str, Drawing]:
    """The matrices of several detectors, by their names, on one colour scale."""
    if not matrices:
        return {}
    cosines = [np.asarray(one.cosine) for one in matrices.values()]
    limits = min(float(one.min()) for one in cosines), max(float(one.max()) for one in cosines)
    return {
        name: similarity_drawing(one, name=f"similarity-{number}", title=name, limits=limits)
        for number, (name, one) in enumerate(matrices.items())
    }


def gate_drawing(gate: SimilarityMatrix, *, name: str = "gate", title: str) -> Drawing:
    """σ(A) of each pair of a batch (Eq. 7-10), on its own scale; ``cosine`` holds the gate."""
    values = np.asarray(gate.cosine)
    own = np.eye(len(values), dtype=bool)
    return _drawing(
        gate,
        name=name,
        title=title,
        limits=None,
        alt="Matrix of the gate of sample pair attention, in blocks of one prompt",
        what="Gate σ(A), which weighs the similarity of every image (rows) and text (columns) of",
        reading=f"True pairs {values[own].mean():.3f}, all others "
        f"{values[~own].mean():.3f}; every gate lies between {values.min():.3f} and "
        f"{values.max():.3f}, which are the ends of the scale.",
    )


def _drawing(
    similarity: SimilarityMatrix,
    *,
    name: str,
    title: str,
    limits: tuple[float, float] | None,
    alt: str,
    what: str,
    reading: str,
) -> Drawing:
    values, labels = np.asarray(similarity.cosine), np.asarray(similarity.labels)
    same = labels[:, None] == labels[None, :]
    means = f"Mean within the blocks {_signed(values[same].mean())}"
    if not same.all():
        means += f", outside {_signed(values[~same].mean())}"
    return draw(
        name,
        3.9,
        lambda axes: _paint(axes, similarity, title, limits),
        width=4.4,
        alt=alt,
        caption=f"{what} {counted(len(labels), 'pair')}, in blocks of one prompt each. {means}. "
        f"{reading}",
    )


def _signed(value: float) -> str:
    """Two digits, with a true minus."""
    return f"{value:.2f}".replace("-", "−")


def _paint(
    axes: Axes, similarity: SimilarityMatrix, title: str, limits: tuple[float, float] | None
) -> None:
    """The matrix with its scale, blocks parted by thin lines."""
    low, high = limits or (None, None)
    picture = axes.imshow(
        np.asarray(similarity.cosine), cmap="cividis", vmin=low, vmax=high, interpolation="nearest"
    )
    names, centres, ends = _blocks(list(similarity.labels))
    for end in ends[:-1]:
        axes.axhline(end, color=PAPER, linewidth=1)
        axes.axvline(end, color=PAPER, linewidth=1)
    axes.set_xticks(centres, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(centres, names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(title=plain(title), xlabel="prompt", ylabel="image")
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
