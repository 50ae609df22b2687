"""The order of the training images in an epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from jaxtyping import Int64
from torch import Tensor

from mfclip.data.bulk import no_collections
from mfclip.data.manifest import Row

if TYPE_CHECKING:
    from torch import Generator

Sampling: TypeAlias = Literal["shuffled", "pairs", "balanced"]


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
    with no_collections():
        pairs = _pairs(rows, drawn.tolist())
        mixed = [place for i in _shuffled(len(pairs), generator) for place in pairs[i]]
    places = torch.tensor(mixed, dtype=torch.int64)
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


def _pairs(rows: Sequence[Row], drawn: Sequence[int]) -> list[list[int]]:
    """All places by two, one alone at the most."""
    fake = [row.is_fake for row in rows]
    by_photo, left = _matched(fake, [row.identity or None for row in rows], drawn)
    by_group, left = _matched(fake, [row.group for row in rows], left)
    return by_photo + by_group + [left[i : i + 2] for i in range(0, len(left), 2)]


def _matched(
    fake: Sequence[bool], keys: Sequence[str | None], places: Sequence[int]
) -> tuple[list[list[int]], list[int]]:
    """Pairs of a real and a fake image with the same key, and the places without a partner."""
    reals: dict[str | None, list[int]] = defaultdict(list)
    for place in places:
        if not fake[place]:
            reals[keys[place]].append(place)
    pairs, paired = [], bytearray(len(fake))
    for place in places:
        key = keys[place]
        if fake[place] and key is not None and (waiting := reals.get(key)):
            real = waiting.pop()
            pairs.append([real, place])
            paired[real] = paired[place] = True
    return pairs, [place for place in places if not paired[place]]


def _shuffled(count: int, generator: Generator) -> list[int]:
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order
