"""An encoder of a vector beside the image: standardised, whitened, freed of the groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.protocols import TrainingBatch
from mfclip.errors import PluginError
from mfclip.ranks.shares import gather
from mfclip_vision.whitening import Kept, Whitening


class VectorEncoder(nn.Module):
    """A vector (B, n) by keyword -> standardised, whitened, freed of groups, brought to (B, d).

    Parameters
    ----------
    name, keyword
        Of the input that it reads, in a recipe and as an argument.
    length
        n: numbers of the vector.
    standardise
        Subtract each number's mean over the training images and divide by its deviation.
    erased
        k: the directions are taken out in which the means of the real images of the groups differ,
        after standardising, k at most; of G groups there are G - 1. The means are those of the
        images as they are, to begin with, and then of these and all changed versions that training
        has seen, so that a linear layer on top cannot tell the groups of the reals that it is
        taught with. The projection is the one of Haghighatkhah et al. 2022 (a single projection
        along the difference of the means), for more than two groups.
    whitened
        Directions of :class:`mfclip_vision.whitening.Whitening`, before groups are erased; 0: none.
    project
        d: what a linear layer makes of it; None: nothing, d is n.
    """

    mean: Tensor
    deviation: Tensor
    seen: Tensor
    real_means: Tensor
    directions: Tensor

    def __init__(
        self,
        name: str,
        keyword: str,
        length: int,
        *,
        standardise: bool = True,
        erased: int = 0,
        whitened: int = 0,
        project: int | None = None,
    ) -> None:
        super().__init__()
        self.name, self.keyword, self.length = name, keyword, length
        self.standardise, self.erased = standardise, erased
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("deviation", torch.ones(length))
        self.register_buffer("seen", torch.zeros(erased + 1) if erased else None)
        self.register_buffer("real_means", torch.zeros(erased + 1, length) if erased else None)
        # Rows of length 1 at right angles to each other; those that are not needed stay 0.
        self.register_buffer("directions", torch.zeros(erased, length) if erased else None)
        self.whitening = Whitening(length, whitened) if whitened else None
        self.project = nn.Linear(length, project) if project else nn.Identity()

    def before_epoch(self, epoch: int, batches: Iterable[TrainingBatch]) -> None:
        """Before the first epoch: what is subtracted, divided by and taken out, in float64.

        Raises :class:`PluginError` where the data have more groups than ``erased`` + 1.
        """
        if epoch or not (self.standardise or self.erased or self.whitening):
            return
        found, kept = Moments(self.length), Kept()
        for batch in batches:
            vectors, *where = (batch.reads[name] for name in (self.name, "label", "group"))
            self._require_room(where[1])
            found.add(self._checked(vectors), *where)
            if self.whitening:
                kept.add(vectors, *where)
        if self.standardise:
            self.mean.copy_(found.mean)
            self.deviation.copy_(found.deviation)
        if self.whitening:
            self.whitening.fit((kept.vectors - self.mean.cpu()) / self.deviation.cpu(), kept.cells)
        for group, (count, total) in found.reals.items() if self.erased else ():
            self.seen[group] = count
            self.real_means[group] = self._even((total / count).to(self.mean))
        self._direct()

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"],
        label: Int[Tensor, " batch"] | None = None,
        group: Int[Tensor, " batch"] | None = None,
        **given: Any,
    ) -> Float[Tensor, "batch d"]:
        """Standardise, whiten, erase and project; the images are not looked at.

        Raises :class:`PluginError` for a vector of another length.
        """
        with torch.autocast(images.device.type, enabled=False):
            vectors = self._even(self._checked(given[self.keyword]))
            if self.erased:
                if self.training and label is not None and group is not None:
                    self._follow(gather(vectors), gather(label), gather(group))
                vectors = vectors - vectors @ self.directions.T @ self.directions
        embedding: Tensor = self.project(vectors)
        return embedding

    def _even(self, vectors: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        vectors = (vectors - self.mean) / self.deviation
        return self.whitening(vectors) if self.whitening else vectors

    @torch.no_grad()
    def _follow(self, vectors: Tensor, label: Tensor, group: Tensor) -> None:
        """Let the real images of a batch, that of all processes, count in the means."""
        member = functional.one_hot(group, self.erased + 1).to(vectors) * (label == 0)[:, None]
        more = member.sum(0)
        self.seen += more
        share = 1 / self.seen.clamp(min=1)[:, None]
        self.real_means += share * (member.T @ vectors - more[:, None] * self.real_means)
        self._direct()

    def _direct(self) -> None:
        if self.erased:
            self.directions.copy_(group_directions(self.real_means[self.seen > 0], self.erased))

    def _require_room(self, group: Tensor) -> None:
        if self.erased and int(group.max()) > self.erased:
            raise PluginError(
                f"vector has erase_groups = {self.erased}, which is room for {self.erased + 1} "
                f"groups; the training images have {int(group.max()) + 1} or more: set it to one "
                "less than there are groups, or to 0"
            )

    def _checked(self, vectors: Tensor) -> Float[Tensor, "batch n"]:
        if vectors.ndim != 2 or vectors.shape[1] != self.length:
            raise PluginError(
                f"vector reads {self.length} numbers an image; received "
                f"{tuple(vectors.shape)}: set `length` to what the input has"
            )
        return vectors.float()


class Moments:
    """Sums over batches of vectors, float64: of all, and of the real ones of each group."""

    def __init__(self, length: int) -> None:
        self._count = 0
        self.mean: Float64[Tensor, " n"] = torch.zeros(length, dtype=torch.float64)
        """Of all vectors."""
        self._squares = torch.zeros(length, dtype=torch.float64)
        self.reals: dict[int, tuple[int, Float64[Tensor, " n"]]] = {}
        """Of the real vectors of each group that has any: how many, and their sum."""

    def add(
        self,
        vectors: Float[Tensor, "batch n"],
        label: Int[Tensor, " batch"],
        group: Int[Tensor, " batch"],
    ) -> None:
        """One batch more; ``label`` 0 is real."""
        rows, label, group = vectors.double().cpu(), label.cpu(), group.cpu()
        more, off = len(rows), rows.mean(0) - self.mean
        total = self._count + more
        # Chan et al. 1983: the variance of two parts from the difference of their means.
        self._squares += rows.var(0, correction=0) * more + off**2 * self._count * more / total
        self.mean += off * more / total
        self._count = total
        for number in set(group[label == 0].tolist()):
            own = rows[(label == 0) & (group == number)]
            count, summed = self.reals.get(number, (0, torch.zeros_like(self.mean)))
            self.reals[number] = (count + len(own), summed + own.sum(0))

    @property
    def deviation(self) -> Float64[Tensor, " n"]:
        """Of all vectors; 1 where nothing varies: what never changes is left at 0, not blown up."""
        spread = (self._squares / max(self._count, 1)).sqrt()
        return torch.where(spread > 1e-8, spread, torch.ones_like(spread))


def group_directions(means: Float[Tensor, "groups n"], most: int) -> Float[Tensor, "most n"]:
    """Rows of length 1 at right angles that span the differences of the means.

    Of G groups there are G - 1 at most, and less where means coincide or lie on a line; the rows
    that are not needed are 0.
    """
    found = means.new_zeros(most, means.shape[1])
    if len(means) < 2:
        return found
    _, sizes, rows = torch.linalg.svd(means - means.mean(0), full_matrices=False)
    needed = int((sizes > 1e-5 * sizes[0].clamp(min=1e-12)).sum())
    found[:needed] = rows[:needed]
    return found
