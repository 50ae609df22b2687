"""Directions in which vectors of one kind vary most, brought down to the variance of the others."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

MOST = 4096
"""Vectors that the directions are taken from."""


class Whitening(nn.Module):
    """Vectors (B, n) -> (B, n), of which the k strongest directions are as strong as the last.

    With the eigenvalues v_1 >= v_2 ... of the covariance inside the cells, and its eigenvectors
    u_i: x + sum over i <= k of (sqrt(v_k / v_i) - 1) (u_i . x) u_i, all times a number that leaves
    the mean square of the fitted vectors as it was. It is the within-class whitening of linear
    discriminant analysis, cut off where the covariance of a few thousand vectors is not known.
    Before :meth:`fit` nothing changes.
    """

    directions: Tensor
    gain: Tensor
    scale: Tensor

    def __init__(self, length: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(directions, length))
        self.register_buffer("gain", torch.ones(directions))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def fit(self, vectors: Float[Tensor, "rows n"], cells: Int[Tensor, " rows"]) -> None:
        """Take the directions from vectors less the mean of their cell.

        Where there are fewer directions than wanted, those that there are.
        """
        rest = vectors.double()
        for cell in set(cells.tolist()):
            rest[cells == cell] -= rest[cells == cell].mean(0)
        # Of fewer rows than numbers: their products have the eigenvalues of the covariance.
        values, places = torch.linalg.eigh(rest @ rest.T / len(rest))
        values, places = values.flip(0), places.flip(1)
        there = int((values > 1e-9 * values[0].clamp(min=1e-300)).sum())
        k = min(len(self.gain), there)
        self.directions.zero_()
        self.gain.fill_(1.0)
        if k:
            norm = (values[:k] * len(rest)).sqrt()
            self.directions[:k] = (rest.T @ places[:, :k] / norm).T
            self.gain[:k] = (values[k - 1] / values[:k]).sqrt()
        self.scale.fill_(1.0)
        plain = vectors.to(self.directions)  # the module may be on a GPU, what was kept is not
        before, after = (one.double().square().mean() for one in (plain, self(plain)))
        self.scale.copy_((before / after.clamp(min=1e-12)).sqrt())

    def forward(self, vectors: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Shrink the strongest directions."""
        along = vectors @ self.directions.T
        return (vectors + (along * (self.gain - 1)) @ self.directions) * self.scale


class Kept:
    """At most :data:`MOST` vectors of all that come, each as likely as any other."""

    def __init__(self) -> None:
        self._vectors: list[Float[Tensor, " n"]] = []
        self._cells: list[int] = []
        self._seen, self._draw = 0, np.random.default_rng(0)

    def add(
        self,
        vectors: Float[Tensor, "batch n"],
        label: Int[Tensor, " batch"],
        group: Int[Tensor, " batch"],
    ) -> None:
        """One batch more (reservoir sampling, Vitter 1985)."""
        cells = (2 * group + label).tolist()
        for vector, cell in zip(vectors.float().cpu(), cells, strict=True):
            self._seen += 1
            if len(self._vectors) < MOST:
                self._vectors.append(vector)
                self._cells.append(cell)
                continue
            place = int(self._draw.integers(self._seen))
            if place < MOST:
                self._vectors[place], self._cells[place] = vector, cell

    @property
    def vectors(self) -> Float[Tensor, "rows n"]:
        """Those that were kept."""
        return torch.stack(self._vectors)

    @property
    def cells(self) -> Int[Tensor, " rows"]:
        """Group and label of each, as one number."""
        return torch.tensor(self._cells)
