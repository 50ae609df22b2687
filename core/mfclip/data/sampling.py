"""The order of the training images in an epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

from mfclip.data.manifest import Row

if TYPE_CHECKING:
    from torch import Generator

Sampling: TypeAlias = Literal["shuffled", "pairs", "balanced"]
Places: TypeAlias = NDArray[np.int64]
_NOBODY = -1
"""Stands for no place, and for no name."""


def epoch_order(
    rows: Sequence[Row], sampling: Sampling, batch_size: int, generator: Generator
) -> Int64[Tensor, " rows"]:
    """Places of the rows, as many as there are; batches are cut from it in turn.

    ``shuffled`` and ``pairs`` give each once. ``balanced`` gives as many of every group and label,
    so that rare ones come more than once and common ones not in every epoch.

    ``pairs`` sets a fake beside a real image of its identity, one that is left beside a real
    image of its group, and what is left then anywhere. With an even ``batch_size`` both share a
    batch. Inside a batch the order is random: an alignment that weighs pairs by their place must
    not find the label there.
    """
    drawn = torch.randperm(len(rows), generator=generator)
    if sampling == "shuffled":
        return drawn
    if sampling == "balanced":
        return _balanced(rows, generator)
    pairs = _pairs(rows, drawn.numpy())
    mixed = pairs[_shuffled(len(pairs), generator)].ravel()
    places = torch.from_numpy(mixed[mixed != _NOBODY])
    batches = torch.split(places, batch_size)
    return torch.cat([batch[_shuffled(len(batch), generator)] for batch in batches])


def _balanced(rows: Sequence[Row], generator: Generator) -> Int64[Tensor, " rows"]:
    """Equal shares of each group and label, in a random order."""
    strata: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        strata[row.group, row.is_fake].append(place)
    # Which strata get the one more that does not divide evenly is drawn as well.
    order = _shuffled(len(strata), generator)
    each, more = divmod(len(rows), len(strata))
    drawn: list[int] = []
    for rank, members in zip(order, strata.values(), strict=True):
        wanted = each + (rank < more)
        rounds = -(-wanted // len(members))
        again = [members[i] for _ in range(rounds) for i in _shuffled(len(members), generator)]
        drawn += again[:wanted]
    return torch.tensor(drawn, dtype=torch.int64)[_shuffled(len(drawn), generator)]


def _pairs(rows: Sequence[Row], drawn: Places) -> Places:
    """All places by two, one alone at the most, beside :data:`_NOBODY`."""
    fake = np.array([row.label.is_fake for row in rows], dtype=bool)
    by_photo, left = _matched(fake, _numbered([row.identity for row in rows], but=""), drawn)
    by_group, left = _matched(fake, _numbered([row.group for row in rows]), left)
    rest = np.append(left, np.full(len(left) % 2, _NOBODY)).reshape(-1, 2)
    return np.concatenate([by_photo, by_group, rest])


def _numbered(names: Sequence[str], but: str | None = None) -> Places:
    """A number for each distinct name; :data:`_NOBODY` for one that is none."""
    numbers: dict[str | None, int] = {but: _NOBODY}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _matched(fake: NDArray[np.bool_], keys: Places, places: Places) -> tuple[Places, Places]:
    """Pairs of a real and a fake image with the same key, and the places without a partner.

    The first fake of a key takes its last real image, the next one the last but one, and so on.
    """
    keyed = places[keys[places] != _NOBODY]
    fakes, reals = keyed[fake[keyed]], keyed[~fake[keyed]][::-1]
    wanted, given = (_of_key(keys[these], len(keys)) for these in (fakes, reals))
    order = np.argsort(given)
    at = np.searchsorted(given, wanted, sorter=order)
    found = np.isin(wanted, given)
    pairs = np.stack([reals[order[at[found]]], fakes[found]], axis=1)
    alone = np.ones(len(fake), dtype=bool)
    alone[pairs] = False
    return pairs, places[alone[places]]


def _of_key(keys: Places, count: int) -> Places:
    """One number for each: of its key, and of how many of the key stand before it."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    before = np.arange(len(keys)) - np.searchsorted(ordered, ordered)
    found = np.empty_like(keys)
    found[order] = ordered * count + before
    return found


def _shuffled(count: int, generator: Generator) -> list[int]:
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order
