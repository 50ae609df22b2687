"""Figures that need labelled images: matrices with and without SPA, and embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfclip.data.manifest import Manifest
from mfclip.evaluation.report.data import SimilarityMatrix
from mfclip.evaluation.report.figures.embedding import Projection, embedding_drawing
from mfclip.evaluation.report.figures.similarity import gate_drawing, similarity_drawings
from mfclip.explain.agreement import Agreement, agreement, common_pairs, has_text_side
from mfclip.explain.detectors import Named
from mfclip.explain.embeddings import drawn_part, embeddings
from mfclip.pages.svg import Drawing

FEWEST = 4
"""Images that a projection needs."""


@dataclass(frozen=True)
class Drawings:
    """By file name without its ending; empty where there is nothing to draw."""

    similarity: dict[str, Drawing] = field(default_factory=dict)
    embedding: dict[str, Drawing] = field(default_factory=dict)
    numbers: list[dict[str, Any]] = field(default_factory=list)
    """Means of the matrices, one entry a detector."""
    notes: tuple[str, ...] = ()
    """What is not there, and why."""

    def all(self) -> Iterator[tuple[str, Drawing]]:
        """Every figure with its name."""
        yield from self.similarity.items()
        yield from self.embedding.items()


def make_drawings(
    detectors: Sequence[Named],
    data: Manifest | None,
    *,
    projections: Sequence[Projection],
    batch_size: int,
    workers: int | None,
) -> Drawings:
    """All that the data and the detectors allow."""
    if data is None:
        note = "Similarity matrices and embeddings: they need labelled images; give --data."
        return Drawings(notes=(note,))
    similarity, numbers, notes = _matrices(detectors, data)
    drawn: dict[str, Drawing] = {}
    part = drawn_part(data)
    for one in detectors if len(part) >= FEWEST else ():
        found = embeddings(one.loaded.predictor, part, batch_size=batch_size, workers=workers)
        if found is None:
            notes.append(f"Embeddings of {one.name}: the detector gives none.")
            continue
        for projection in projections:
            name = f"{projection}-{one.name}"
            drawn[name] = embedding_drawing(
                found,
                [row.is_fake for row in part.rows],
                [row.label.generator or row.label.forgery for row in part.rows],
                projection=projection,
                subject="the labelled images",
                title=one.name,
                name=f"{projection}-{len(drawn)}",
            )
    return Drawings(similarity, drawn, numbers, tuple(notes))


def _matrices(
    detectors: Sequence[Named], data: Manifest
) -> tuple[dict[str, Drawing], list[dict[str, Any]], list[str]]:
    """Figures and numbers of the detectors with a text side; a note for the others."""
    able = [one for one in detectors if has_text_side(one.loaded.bundle)]
    notes = [
        f"Similarity matrix of {one.name}: its bundle has no text side."
        for one in detectors
        if one not in able
    ]
    rows = common_pairs([one.loaded.bundle for one in able], data) if able else []
    if not rows:
        if able:
            notes.append("Similarity matrices: no labelled image has a prompt in every detector.")
        return {}, [], notes
    found = {one.name: agreement(one.loaded.bundle, data, rows) for one in able}
    cosines = {name: each.cosine for name, each in found.items()}
    drawn = {f"similarity-{name}": one for name, one in similarity_drawings(cosines).items()}
    for number, (name, each) in enumerate(found.items()):
        if each.gate is not None:
            title = f"{name}: gate σ(A)"
            drawn[f"gate-{name}"] = gate_drawing(each.gate, name=f"gate-{number}", title=title)
    return drawn, [_means(name, each) for name, each in found.items()], notes


def _means(name: str, found: Agreement) -> dict[str, Any]:
    told: dict[str, Any] = {"detector": name, "pairs": len(found.cosine.labels)}
    for key, matrix in (("cosine", found.cosine), ("gate", found.gate)):
        if matrix is not None:
            told[key] = _of(matrix)
    return told


def _of(matrix: SimilarityMatrix) -> dict[str, float | None]:
    """Means over true pairs, other pairs of the same prompt, and pairs of different prompts."""
    values, labels = np.asarray(matrix.cosine), np.asarray(matrix.labels)
    own = np.eye(len(labels), dtype=bool)
    same = labels[:, None] == labels[None, :]
    parts = {"true_pairs": own, "same_prompt": same & ~own, "other_prompts": ~same}
    return {name: float(values[at].mean()) if at.any() else None for name, at in parts.items()}
