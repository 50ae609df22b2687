"""Who computes which rows; what processes do together is in tests/functional/ranks."""

from __future__ import annotations

import pytest
import torch

from mfclip.data.loader import evaluation_loader, training_loader
from mfclip.ranks.place import Place
from mfclip.ranks.shares import Shares, drawing_alike, gather, rows_of_all, sharing
from mfclip.ranks.world import Ranks


def of(count: int) -> list[Ranks]:
    return [Ranks(Place(rank, count, rank, count)) for rank in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_row_falls_to_one_process(count):
    for rows in range(1, 13):
        each = [Shares(ranks, rows) for ranks in of(count)]
        taken = [place for share in each for place in range(rows)[share.own]]
        assert taken == list(range(rows))
        sizes = each[0].sizes
        assert max(sizes) - min(sizes) <= 1
        for share in each:
            assert share.present == (share.own.stop > share.own.start)
            assert share.computed == (share.own if share.present else slice(0, 1))


def test_shares_of_training_batches_make_the_batches_of_one_process(faces):
    options = {"batch_size": 7, "seed": 3, "epoch": 1, "start_batch": 1, "workers": 0}
    whole = list(training_loader(faces, None, **options))
    assert [len(batch.images) for batch in whole] == [7, 4]  # of 18
    for count in (2, 3, 5):
        loaders = [training_loader(faces, None, **options, ranks=ranks) for ranks in of(count)]
        for batch, *parts in zip(whole, *loaders, strict=True):
            own = [
                part.index
                for part, ranks in zip(parts, of(count), strict=True)
                if Shares(ranks, len(batch.images)).present
            ]
            assert torch.equal(torch.cat(own), batch.index)
            assert all(len(part.images) >= 1 for part in parts)


def test_every_evaluation_batch_falls_to_one_process(faces):
    whole = [batch.index.tolist() for batch in evaluation_loader(faces, None, batch_size=4)]
    for count in (2, 3, 7):
        loaders = [
            evaluation_loader(faces, None, batch_size=4, workers=0, ranks=ranks)
            for ranks in of(count)
        ]
        found = [batch.index.tolist() for loader in loaders for batch in loader]
        assert sorted(found) == whole


def test_outside_of_a_shared_step_nothing_is_gathered():
    rows = torch.zeros(3, requires_grad=True)
    state = torch.get_rng_state()
    with sharing(Shares(Ranks(), 3)), drawing_alike():
        assert gather(rows) is rows
        assert rows_of_all(3) == 3
    assert torch.equal(torch.get_rng_state(), state)


def test_of_a_shared_step_the_rows_of_all_are_counted():
    with sharing(Shares(of(2)[1], 5)):
        assert rows_of_all(2) == 5
        with pytest.raises(ValueError, match=r"received \(3,\) for 2 images"):
            gather(torch.zeros(3))
    assert rows_of_all(2) == 2
