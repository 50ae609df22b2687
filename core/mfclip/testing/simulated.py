"""What a detector would give in training, drawn at random, for the checks of losses."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import torch
from torch import Tensor

from mfclip.detector.outputs import Outputs
from mfclip.parts import OutputName
from mfclip.testing.inputs import embeddings


class SimulatedSimilarity(NamedTuple):
    """The two matrices of an alignment, both (B, B)."""

    v2l: Tensor
    """Row i: image i against every text."""
    l2v: Tensor
    """Row i: text i against every image."""
    normalised: bool = False
    """Whether rows are log-weights and not logits."""


def outputs_for(
    needs: Collection[str], batch: int, width: int, seed: int = 0, *, normalised: bool = False
) -> Outputs:
    """Outputs that hold what a loss needs and nothing else; every tensor takes gradients.

    Logits are always there in a detector's outputs. Where they are not needed they are NaN, so
    that a loss which reads them all the same is noticed.
    """

    def draw(name: OutputName, place: int) -> Tensor | None:
        drawn = embeddings(batch, 2 if name == "logits" else width, seed * 10 + place)
        return drawn.requires_grad_() if name in needs else None

    logits = draw("logits", 0)
    if logits is None:
        logits = torch.full((batch, 2), torch.nan).requires_grad_()
    return Outputs(
        logits=logits,
        visual=draw("visual", 1),
        text=draw("text", 2),
        predicted_text=draw("predicted_text", 3),
        similarity=_similarity(batch, seed, normalised) if "similarity" in needs else None,
    )


def _similarity(batch: int, seed: int, normalised: bool) -> SimulatedSimilarity:
    v2l, l2v = (embeddings(batch, batch, seed * 10 + place) for place in (8, 9))
    if normalised:
        v2l, l2v = v2l.log_softmax(-1), l2v.log_softmax(-1)
    return SimulatedSimilarity(v2l.requires_grad_(), l2v.requires_grad_(), normalised)


Change = Callable[[Tensor], Tensor]


def changed(outputs: Outputs, change: Change, matrices: Change | None = None) -> Outputs:
    """The outputs with ``change`` applied to each tensor; the copies take gradients again.

    Parameters
    ----------
    matrices
        What is done to the matrices of the similarity; ``change`` too without it.
    """

    def new(tensor: Tensor) -> Tensor:
        return change(tensor.detach()).requires_grad_()

    rest = (outputs.visual, outputs.text, outputs.predicted_text)
    visual, text, predicted = (None if one is None else new(one) for one in rest)
    similarity = outputs.similarity
    if similarity is not None:
        both = (similarity.v2l.detach(), similarity.l2v.detach())
        v2l, l2v = ((matrices or change)(matrix).requires_grad_() for matrix in both)
        similarity = SimulatedSimilarity(v2l, l2v, similarity.normalised)
    return Outputs(new(outputs.logits), visual, text, predicted, similarity)
