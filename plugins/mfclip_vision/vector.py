"""An encoder of a vector beside the image: standardised, and freed of what tells groups apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from mfclip.detector.protocols import TrainingBatch
from mfclip.errors import PluginError


class VectorEncoder(nn.Module):
    """A vector (B, n) by keyword -> standardised, and projected where groups are erased (B, n).

    Parameters
    ----------
    name, keyword
        Of the input that it reads, in a recipe and as an argument.
    length
        n: numbers of the vector.
    standardise
        Subtract each number's mean over the training images and divide by its deviation.
    erased
        k: at most so many directions are taken out in which the means of the real images of the
        groups differ, after standardising; one less than there are groups is all there can be.
        The projection is the one of Haghighatkhah et al. 2022 (a single projection along the
        difference of the means), for more than two groups.
    """

    mean: Tensor
    deviation: Tensor
    directions: Tensor

    def __init__(
        self, name: str, keyword: str, length: int, standardise: bool, erased: int = 0
    ) -> None:
        super().__init__()
        self.name, self.keyword, self.length = name, keyword, length
        self.standardise, self.erased = standardise, erased
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("deviation", torch.ones(length))
        # Rows of length 1 at right angles to each other; those that are not needed stay 0.
        self.register_buffer("directions", torch.zeros(erased, length) if erased else None)

    def before_epoch(self, epoch: int, batches: Iterable[TrainingBatch]) -> None:
        """Before the first epoch: what is subtracted, divided by and taken out, in float64."""
        if epoch or not (self.standardise or self.erased):
            return
        seen = Moments(self.length)
        for batch in batches:
            reads = batch.reads
            seen.add(self._checked(reads[self.name]), reads["label"], reads["group"])
        if self.standardise:
            self.mean.copy_(seen.mean)
            self.deviation.copy_(seen.deviation)
        if self.erased:
            self.directions.copy_(
                group_directions(seen.real_means / self.deviation.double(), self.erased)
            )

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], **given: Any
    ) -> Float[Tensor, "batch n"]:
        """Standardise and project; the images are not looked at.

        Raises :class:`PluginError` for a vector of another length.
        """
        vectors = (self._checked(given[self.keyword]) - self.mean) / self.deviation
        if not self.erased:
            return vectors
        return vectors - vectors @ self.directions.T @ self.directions

    def _checked(self, vectors: Tensor) -> Float[Tensor, "batch n"]:
        if vectors.ndim != 2 or vectors.shape[1] != self.length:
            raise PluginError(
                f"vector reads {self.length} numbers an image; received "
                f"{tuple(vectors.shape)}: set `length` to what the input has"
            )
        return vectors.float()


class Moments:
    """Sums over batches of vectors: of all, and of the real ones of each group."""

    def __init__(self, length: int) -> None:
        self._count = 0
        self._mean = torch.zeros(length, dtype=torch.float64)
        self._squares = torch.zeros(length, dtype=torch.float64)
        self._reals: dict[int, tuple[int, Tensor]] = {}

    def add(
        self,
        vectors: Float[Tensor, "batch n"],
        label: Tensor,
        group: Tensor,
    ) -> None:
        """One batch more; ``label`` 0 is real, ``group`` a number for each."""
        rows = vectors.double().cpu()
        more = len(rows)
        off = rows.mean(0) - self._mean
        total = self._count + more
        # Chan et al. 1983: variances of two parts from the difference of their means.
        self._squares += rows.var(0, correction=0) * more + off**2 * self._count * more / total
        self._mean += off * more / total
        self._count = total
        for number in set(group[label == 0].tolist()):
            own = rows[((label == 0) & (group == number)).cpu()]
            count, summed = self._reals.get(number, (0, torch.zeros_like(self._mean)))
            self._reals[number] = (count + len(own), summed + own.sum(0))

    @property
    def mean(self) -> Float64[Tensor, " n"]:
        """Of all vectors."""
        return self._mean

    @property
    def deviation(self) -> Float64[Tensor, " n"]:
        """Of all vectors; 1 where nothing varies: what never changes is left at 0, not blown up."""
        spread = (self._squares / max(self._count, 1)).sqrt()
        return torch.where(spread > 1e-8, spread, torch.ones_like(spread))

    @property
    def real_means(self) -> Float64[Tensor, "groups n"]:
        """Of the real vectors of each group that has any, in the order of the groups."""
        means = [summed / count for _, (count, summed) in sorted(self._reals.items())]
        return torch.stack(means) if means else torch.zeros(0, len(self._mean)).double()


def group_directions(means: Float64[Tensor, "groups n"], most: int) -> Float64[Tensor, "most n"]:
    """Rows at right angles that span the differences of the means, the largest first.

    Of G groups there are G - 1 at most; where ``most`` is less, the smallest differences stay in.
    Rows that are not needed are 0.
    """
    found = torch.zeros(most, means.shape[1], dtype=torch.float64)
    if len(means) < 2:
        return found
    _, sizes, rows = torch.linalg.svd(means - means.mean(0), full_matrices=False)
    needed = min(most, int((sizes > 1e-9 * sizes[0].clamp(min=1e-12)).sum()), len(means) - 1)
    found[:needed] = rows[:needed]
    return found
