"""A of Eq. 7-10, before the sigmoid: one weight for each pair of samples, in three forms.

What a form can learn follows from what its index means:

* :class:`PositionPairs`, A[place of i, place of j], the paper's form. Under a shuffled loader a
  place says nothing about the sample, so all that A can learn is the diagonal (the true pairs)
  against the rest. Quadratic in the largest batch.
* :class:`PromptPairs`, A[class of i, class of j]. Learns which classes to tell apart, and how
  hard to press negatives of one's own class. It cannot tell a true pair from another pair of the
  same class: both take A[c, c]. Quadratic in the number of classes, any batch size.
* :class:`FeaturePairs`, A = a + ⟨P v, Q t⟩ / √r, from the embeddings themselves, for texts that
  are not known beforehand. Learns any relation of rank r. Linear in the embedding, any batch size.

All start from a constant gate. σ(A) = 0.5, the default, is where the sigmoid is steepest, so a
pair is raised or lowered with equal ease, and it is also where weight decay pulls A. The price is
that the logits start at half their size, which the learnable temperature can make good. Attached
to a model that is already trained, a start near 1 (0.98) leaves the model's own similarities
almost as they were, at the price of a gradient 13 times smaller.

Row i and column j always take A[i, j], whichever of the two is the image: the equations write one
and the same A under both directions. FeaturePairs is the exception: its two sides differ, and one
pair of an image and a text has one weight in both directions.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from mfclip_spa.similarity import add_number

Role = Literal["image", "text"]


class Side(NamedTuple):
    """The rows or the columns of a similarity matrix: n samples seen as images or as texts."""

    role: Role
    """What the samples are here."""
    features: Tensor
    """(n, d), of unit length."""
    prompt: Tensor | None = None
    """(n,), integers: prompt class of each sample."""
    start: int = 0
    """Place of the first one in the batch, or in the global batch of several processes."""


class PositionPairs(nn.Module):
    """A indexed by the places of the two samples in the batch: the paper's form.

    A batch smaller than ``max_batch`` uses the leading corner of A.
    """

    def __init__(self, max_batch: int, start: float = 0.5) -> None:
        super().__init__()
        _at_least_one("max_batch", max_batch)
        self.weight = nn.Parameter(torch.full((max_batch, max_batch), logit(start)))

    def forward(
        self, visual: Tensor, text: Tensor, prompt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """A[i, j] of image i against text j, and of text i against image j: one and the same.

        Args:
            visual, text: (B, d) each. Only their number counts.

        Raises:
            ValueError: B is larger than A.
        """
        weight = self._corner(len(visual), len(text))  # (B, B)
        return weight, weight

    def rows(self, row: Side, column: Side) -> Tensor:
        """What belongs to each row, to be cut into blocks: its row of A, (R, C).

        Raises:
            ValueError: a place lies beyond A.
        """
        down, across = row.start + len(row.features), column.start + len(column.features)
        return self._corner(down, across)[row.start :, column.start :]

    def _corner(self, down: int, across: int) -> Tensor:
        """The leading corner of A."""
        needed, size = max(down, across), self.weight.shape[0]
        if needed > size:
            raise ValueError(
                f"this attention weighs at most max_batch = {size} pairs, received {needed}; "
                "make it with a larger max_batch, or index it by prompt class or by features"
            )
        return self.weight[:down, :across]

    def block(self, rows: Tensor, column: Side) -> Tensor:
        """A for some of the rows against all columns."""
        return rows


class PromptPairs(nn.Module):
    """A indexed by the prompt classes of the two samples: A[class of i, class of j].

    A[c, c] weighs the true pairs together with the pairs of other samples of the same class;
    A[c, c'] weighs how far two classes are told apart.
    """

    def __init__(self, classes: int, start: float = 0.5) -> None:
        super().__init__()
        _at_least_one("classes", classes)
        self.weight = nn.Parameter(torch.full((classes, classes), logit(start)))

    def forward(
        self, visual: Tensor, text: Tensor, prompt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """A[class of i, class of j], (B, B), in both directions: one and the same.

        Args:
            visual, text: (B, d) each. Only their number counts.
            prompt: (B,), the class of each pair.

        Raises:
            ValueError: there is no prompt, or it is not one class a pair.
        """
        classes = _check_prompt(Side("image", visual, prompt))  # (B,)
        weight = self.weight.index_select(0, classes).index_select(1, classes)  # (B, B)
        return weight, weight

    def rows(self, row: Side, column: Side) -> Tensor:
        """What belongs to each row, to be cut into blocks: its class, (R,).

        Raises:
            ValueError: there is no prompt, or it is not one class a sample.
        """
        _check_prompt(column)
        return _check_prompt(row)

    def block(self, rows: Tensor, column: Side) -> Tensor:
        """A for some of the rows against all columns."""
        return self.weight.index_select(0, rows).index_select(1, _check_prompt(column))


class FeaturePairs(nn.Module):
    """A of low rank from the embeddings: a + ⟨P v, Q t⟩ / √r, for open vocabularies.

    P and Q are drawn from normal distributions, Q a thousand times smaller: gates start alike
    within about 0.001, and both receive gradients. Gradients reach the embeddings through A too.
    """

    constant: nn.Parameter

    def __init__(self, width: int, rank: int = 8, start: float = 0.5) -> None:
        super().__init__()
        _at_least_one("features", width)
        _at_least_one("rank", rank)
        add_number(self, "constant", logit(start))
        self.image = nn.Parameter(torch.randn(width, rank) / math.sqrt(rank))  # 1/√r in here
        self.text = nn.Parameter(torch.randn(width, rank) * 1e-3)

    def forward(
        self, visual: Tensor, text: Tensor, prompt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """a + ⟨P v_i, Q t_j⟩ / √r of image i against text j, (B, B), and its transpose.

        Raises:
            ValueError: the embeddings have another width.
        """
        images = self._factors(Side("image", visual))  # (B, r)
        texts = self._factors(Side("text", text))  # (B, r)
        weight = self.constant + images @ texts.T  # (B, B)
        return weight, weight.T

    def rows(self, row: Side, column: Side) -> Tensor:
        """What belongs to each row, to be cut into blocks: its r factors, (R, r).

        Raises:
            ValueError: the embeddings have another width.
        """
        return self._factors(row)

    def block(self, rows: Tensor, column: Side) -> Tensor:
        """A for some of the rows against all columns."""
        return self.constant + rows @ self._factors(column).T

    def _factors(self, side: Side) -> Tensor:
        projection = self.image if side.role == "image" else self.text
        if side.features.shape[1] != len(projection):
            raise ValueError(
                f"this attention was made for features = {len(projection)}; received "
                f"{side.role} embeddings of width {side.features.shape[1]}"
            )
        return side.features @ projection.to(side.features.dtype)


Pairs = PositionPairs | PromptPairs | FeaturePairs


def logit(share: float) -> float:
    """a with σ(a) = ``share``.

    Raises:
        ValueError: ``share`` does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"initial_gate must lie between 0 and 1, both excluded; received {share}")
    return math.log(share) - math.log1p(-share)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, received {value}")


def _check_prompt(side: Side) -> Tensor:
    samples = len(side.features)
    if side.prompt is None:
        raise ValueError("this attention is indexed by prompt class: pass prompt, shape (B,)")
    if side.prompt.shape != (samples,):
        raise ValueError(
            f"prompt must hold one class a pair, shape ({samples},); "
            f"received {tuple(side.prompt.shape)}"
        )
    return side.prompt
