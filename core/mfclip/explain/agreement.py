"""How images and prompts agree in one batch, with and without sample pair attention (Fig. 9a)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.detector.protocols import ShowsGate
from mfclip.evaluation.report.data import SimilarityMatrix
from mfclip.explain.pictures import PAIRS, cosines, load_with_beside

if TYPE_CHECKING:
    from mfclip.bundle.folder import Bundle


@dataclass(frozen=True)
class Agreement:
    """Of one detector and one batch of pairs."""

    cosine: SimilarityMatrix
    gate: SimilarityMatrix | None
    """σ(A) in place of the cosine; None where the alignment has no gate."""


def has_text_side(bundle: Bundle) -> bool:
    """Whether the detector can compare images with prompts."""
    return bundle.about.text_side and bundle.prompts is not None


def common_pairs(bundles: Sequence[Bundle], manifest: Manifest) -> list[Row]:
    """One batch for all: rows whose labels every detector has a prompt for, by label.

    At most PAIRS, and no more than the smallest training batch, beyond which a gate that is
    indexed by place has no weights.
    """
    known = [set(bundle.prompts.labels) for bundle in bundles if bundle.prompts is not None]
    batches = [one.recipe.training.batch_size for one in bundles if one.recipe.training]
    by_label: dict[HierarchicalLabel, list[Row]] = {}
    for row in manifest.rows:
        if all(row.label in labels for labels in known):
            by_label.setdefault(row.label, []).append(row)
    limit = min([PAIRS, *batches])
    order = sorted(by_label.values(), key=lambda rows: (rows[0].is_fake, rows[0].label))
    each = max(1, limit // max(1, len(order)))
    return [row for rows in order for row in rows[:each]][:limit]


def agreement(bundle: Bundle, manifest: Manifest, rows: Sequence[Row]) -> Agreement:
    """Cosine similarities of X_v (rows) and T_l (columns), and the gate, on the CPU.

    ``bundle`` must have its text side.

    Raises:
        ImageError: An image cannot be read.
    """
    detector, prompts = bundle.detector(text_side=True), bundle.prompts
    assert prompts is not None
    index = torch.tensor([prompts.row(row.label) for row in rows])
    images, beside = load_with_beside(manifest, rows, bundle.recipe.preprocessor())
    labels = [row.label.generator or row.label.forgery or row.label.label for row in rows]
    with torch.inference_mode():
        pairs = detector.pairs(images, index, **beside)
        assert pairs is not None, "the bundle has no text side"
        visual, text = pairs
        cosine = cosines(visual, text)
        gate = None
        alignment = detector.parts().get("alignment")
        if isinstance(alignment, ShowsGate):
            weights = alignment.gate_of(visual, text, index)
            gate = SimilarityMatrix(weights.double().numpy(), labels)
    return Agreement(SimilarityMatrix(cosine.double().numpy(), labels), gate)
