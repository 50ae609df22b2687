"""Embeddings of many images in the plane: colour for the generator, marker for real and fake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from mfclip.pages.svg import MUTED, PAPER, SERIES, Drawing, below, draw, plain
from mfclip.pages.words import percent
from mfclip.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Projection = Literal["pca", "tsne"]
OTHERS = "others"
MARKS = "^svDPX"
"""Of the generators, in the order of the colours."""


def embedding_drawing(
    features: Float[NDArray[Any], "n width"],
    is_fake: Sequence[bool],
    generator: Sequence[str],
    *,
    projection: Projection = "pca",
    subject: str,
    title: str = "Embeddings",
    name: str = "embedding",
    seed: int = 0,
) -> Drawing:
    """Project unit-length embeddings to two numbers each and draw them.

    Args:
        features: One row an image; scaled to unit length here, as the head reads them.
        generator: Of each fake; of a real image it is not read.
        projection: Principal components, which keep distances, or t-SNE, which keeps neighbours.
        subject: What the images are, as the caption names it.
        title: Heading, such as the detector's name.
        name: Prefix of the ids inside, different for every figure of a page.
        seed: Of t-SNE.

    Raises:
        ValueError: There are fewer than 4 images, or a value is not finite.
    """
    if len(features) < 4:
        raise ValueError(f"a projection needs at least 4 images, got {len(features)}")
    places, how = _projected(np.asarray(features, dtype=np.float64), projection, seed)
    groups = _groups(list(is_fake), list(generator))
    reals = len(groups) - sum(map(bool, groups))
    return draw(
        name,
        3.6 + 0.17 * ((len(set(groups)) + 1) // 2),
        lambda axes: _paint(axes, places, groups, projection, title),
        width=4.2,
        alt=f"Embeddings of {counted(reals, 'real')} and {counted(len(groups) - reals, 'fake')} in "
        "the plane",
        caption=f"X_v of {counted(reals, 'real')} and {counted(len(groups) - reals, 'fake')} of "
        f"{subject}. {how}",
    )


def _projected(
    features: Float64[NDArray[Any], "n width"], projection: Projection, seed: int
) -> tuple[Float64[NDArray[Any], "n 2"], str]:
    """The plane, and how to read it."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(length, 1e-12)
    if projection == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(2, svd_solver="full")
        places = pca.fit_transform(unit)
        shares = pca.explained_variance_ratio_
        return places, (
            f"Principal components: {percent(float(shares[0]))} and {percent(float(shares[1]))} of "
            "the variance. What lies apart here lies apart; what overlaps may differ in the rest."
        )
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(unit) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    return tsne.fit_transform(unit).astype(np.float64), (
        f"t-SNE, perplexity {perplexity:.3g}, seed {seed}. Only neighbourhoods mean something: "
        "sizes of clusters and distances between them do not."
    )


def _groups(is_fake: list[bool], generator: list[str]) -> list[str]:
    """Empty for reals; for fakes the generator, the smallest ones joined where colours end."""
    named = [
        (name or "unnamed") if fake else "" for fake, name in zip(is_fake, generator, strict=True)
    ]
    ranked = [name for name, _ in Counter(filter(None, named)).most_common()]
    kept = set(ranked) if len(ranked) <= len(SERIES) else set(ranked[: len(SERIES) - 1])
    return [name if not name or name in kept else OTHERS for name in named]


def _paint(
    axes: Axes,
    places: Float64[NDArray[Any], "n 2"],
    groups: list[str],
    projection: Projection,
    title: str,
) -> None:
    """Reals below as open circles, then each generator in its colour and marker."""
    names = np.array(groups)
    size = 26 if len(groups) < 300 else 14
    real = names == ""
    x, y = places.T
    axes.scatter(
        x[real], y[real], s=size, facecolors="none", edgecolors=MUTED, linewidths=1, label="real"
    )
    for number, name in enumerate(sorted(set(groups) - {""})):
        axes.scatter(
            x[names == name],
            y[names == name],
            s=size,
            color=SERIES[number],
            marker=MARKS[number],
            edgecolors=PAPER,
            linewidths=0.4,
            label=plain(name),
        )
    label = "component" if projection == "pca" else "t-SNE"
    axes.set(title=plain(title), xlabel=f"{label} 1", ylabel=f"{label} 2")
    axes.tick_params(labelbottom=False, labelleft=False, length=0)
    axes.set_aspect("equal", adjustable="datalim")
    below(axes, columns=2)
