"""What a detector would give in training, drawn at random, for the checks of losses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mfclip.detector.outputs import Outputs
from mfclip.output_names import STANDARD
from mfclip.testing.inputs import embeddings

Shapes = Mapping[str, tuple[str | int, ...]]
DEFAULT_SHAPE = ("batch", "width")
"""Of an output that a loss declares no shape for."""
SIDE = 8
"""Of an axis that a shape has another word for."""


class SimulatedSimilarity(NamedTuple):
    """The two matrices of an alignment, both (B, B)."""

    v2l: Tensor
    """Row i: image i against every text."""
    l2v: Tensor
    """Row i: text i against every image."""
    normalised: bool = False
    """Whether rows are log-weights and not logits."""


def outputs_for(
    needs: Collection[str],
    batch: int,
    width: int,
    seed: int = 0,
    *,
    normalised: bool = False,
    shapes: Shapes | None = None,
) -> Outputs:
    """Outputs that hold what a loss needs and nothing else; every tensor takes gradients.

    Logits are always there in a detector's outputs. Where they are not needed they are NaN, so
    that a loss which reads them all the same is noticed.

    Parameters
    ----------
    shapes
        Of outputs beyond the standard ones, as ``Loss.shapes`` has them.
    """

    def draw(name: str, place: int) -> Tensor | None:
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
        extra=_extra(sorted(set(needs) - set(STANDARD)), batch, width, seed, shapes or {}),
    )


def _extra(
    names: Sequence[str], batch: int, width: int, seed: int, shapes: Shapes
) -> dict[str, Tensor]:
    sizes = {"batch": batch, "width": width}
    found = {}
    for place, name in enumerate(names):
        declared = shapes.get(name, DEFAULT_SHAPE)
        shape = [sizes.get(size, SIDE) if isinstance(size, str) else size for size in declared]
        random = torch.Generator().manual_seed(1000 * (place + 1) + seed)
        found[name] = torch.randn(shape, generator=random).requires_grad_()
    return found


def _similarity(batch: int, seed: int, normalised: bool) -> SimulatedSimilarity:
    v2l, l2v = (embeddings(batch, batch, seed * 10 + place) for place in (8, 9))
    if normalised:
        v2l, l2v = v2l.log_softmax(-1), l2v.log_softmax(-1)
    return SimulatedSimilarity(v2l.requires_grad_(), l2v.requires_grad_(), normalised)


Change = Callable[[Tensor], Tensor]


def changed(
    outputs: Outputs,
    change: Change,
    matrices: Change | None = None,
    extra: Callable[[str, Tensor], Tensor] | None = None,
) -> Outputs:
    """The outputs with ``change`` applied to each tensor; the copies take gradients again.

    Parameters
    ----------
    matrices
        What is done to the matrices of the similarity; ``change`` too without it.
    extra
        What is done to the outputs beyond the standard ones, by name; ``change`` too without it.
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
    more = {
        name: new(tensor) if extra is None else extra(name, tensor.detach()).requires_grad_()
        for name, tensor in outputs.extra.items()
    }
    return Outputs(new(outputs.logits), visual, text, predicted, similarity, more)
