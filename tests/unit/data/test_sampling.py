from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Row
from mfclip.data.sampling import epoch_order

REAL, FAKE = HierarchicalLabel("real"), HierarchicalLabel("fake", generator="FaceSwap")
rows_of_all_kinds = st.lists(
    st.tuples(
        st.sampled_from((REAL, FAKE)), st.sampled_from("abc"), st.sampled_from(("", "p", "q"))
    ),
    max_size=40,
)


def rows(*kinds: tuple[HierarchicalLabel, str, str]) -> list[Row]:
    return [
        Row(Path(f"{i}.png"), label, group=group, identity=identity)
        for i, (label, group, identity) in enumerate(kinds)
    ]


def order(found: list[Row], sampling="pairs", batch_size=4, seed=0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return epoch_order(found, sampling, batch_size, generator).tolist()


@given(rows_of_all_kinds, st.sampled_from(("shuffled", "pairs")), st.integers(1, 7))
def test_every_row_comes_once(kinds, sampling, batch_size):
    found = rows(*kinds)
    assert sorted(order(found, sampling, batch_size)) == list(range(len(found)))


def test_the_shuffled_order_is_a_permutation_drawn_from_the_generator_alone():
    found = rows(*[(REAL, "a", "")] * 9)
    expected = torch.randperm(9, generator=torch.Generator().manual_seed(3)).tolist()
    assert order(found, "shuffled", seed=3) == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_fake_shares_its_batch_with_its_own_photo(seed):
    found = rows(*[(label, "a", f"person {i}") for i in range(30) for label in (REAL, FAKE)])
    drawn = order(found, batch_size=6, seed=seed)
    for start in range(0, 60, 6):
        people = [found[place].identity for place in drawn[start : start + 6]]
        assert all(people.count(person) == 2 for person in people)


@pytest.mark.parametrize("seed", range(5))
def test_a_fake_without_a_photo_shares_its_batch_with_a_real_image_of_its_group(seed):
    kinds = [(label, group, "") for label in (REAL, FAKE) for group in "ab" for _ in range(8)]
    found = rows(*kinds)
    drawn = order(found, batch_size=2, seed=seed)
    for start in range(0, 32, 2):
        one, other = (found[place] for place in drawn[start : start + 2])
        assert one.group == other.group
        assert {one.label.label, other.label.label} == {"real", "fake"}


def test_the_place_in_a_batch_does_not_tell_the_label():
    found = rows(*[(label, "a", f"person {i}") for i in range(200) for label in (REAL, FAKE)])
    drawn = order(found, batch_size=4)
    fakes = torch.tensor([found[place].label is FAKE for place in drawn]).reshape(-1, 4)
    share = fakes.double().mean(dim=0)
    assert (share - 0.5).abs().max() < 4 * 0.5 / 100**0.5  # four standard errors


def test_epochs_differ_and_repeat():
    found = rows(*[(label, "a", f"person {i}") for i in range(20) for label in (REAL, FAKE)])
    assert order(found, seed=1) == order(found, seed=1)
    assert order(found, seed=1) != order(found, seed=2)


@given(rows_of_all_kinds.filter(bool), st.integers(0, 9))
def test_balanced_gives_as_many_of_every_group_and_label(kinds, seed):
    found = rows(*kinds)
    drawn = order(found, "balanced", seed=seed)
    assert len(drawn) == len(found)
    counts = Counter((found[place].group, found[place].is_fake) for place in drawn)
    strata = {(row.group, row.is_fake) for row in found}
    shares = [counts[stratum] for stratum in strata]
    assert max(shares) - min(shares) <= 1
    for stratum in strata:
        own = Counter(p for p in drawn if (found[p].group, found[p].is_fake) == stratum)
        members = [i for i, row in enumerate(found) if (row.group, row.is_fake) == stratum]
        repeats = [own[i] for i in members]
        assert max(repeats) - min(repeats) <= 1, "no image comes twice before all came once"


def test_another_epoch_draws_others_of_a_common_kind():
    found = rows(*[(REAL, "a", "")] * 40, *[(FAKE, "a", "")] * 4)
    draws = [
        {place for place in order(found, "balanced", seed=seed) if place < 40} for seed in (0, 1)
    ]
    assert [len(draw) for draw in draws] == [22, 22]
    assert draws[0] != draws[1]
