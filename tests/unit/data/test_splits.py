from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.splits import assign_splits
from mfclip.errors import UsageError

SHARES = (0.7, 0.15, 0.15)
REAL = HierarchicalLabel("real")


def fake(generator: str = "g") -> HierarchicalLabel:
    return HierarchicalLabel("fake", generator=generator)


def manifest(*rows: Row) -> Manifest:
    return Manifest(Path("root"), rows)


def some(label: HierarchicalLabel, count: int, identity: str = "", **more: str) -> list[Row]:
    name = label.label + label.generator + "".join(more.values())
    return [
        Row(Path(f"{name}-{number}.png"), label, identity=identity.format(number), **more)
        for number in range(count)
    ]


def counts(split: Manifest) -> Counter[tuple[str, str]]:
    return Counter((row.split, row.label.label) for row in split.rows)


def test_shares_are_kept_in_each_label_and_generator() -> None:
    rows = [*some(REAL, 200), *some(fake("a"), 100), *some(fake("b"), 40)]
    split = assign_splits(manifest(*rows), SHARES, seed=0)
    found = Counter((row.split, row.label.generator) for row in split.rows)
    for generator, total in (("", 200), ("a", 100), ("b", 40)):
        for name, share in zip(("train", "val", "test"), SHARES, strict=True):
            assert found[name, generator] == pytest.approx(share * total, abs=1)


def test_shares_are_kept_in_each_group() -> None:
    rows = [row for group in "xyz" for row in some(REAL, 40, group=group)]
    split = assign_splits(manifest(*rows), SHARES, seed=0)
    found = Counter((row.split, row.group) for row in split.rows)
    assert {found["test", group] for group in "xyz"} == {6}


def test_many_small_strata_do_not_starve_a_split() -> None:
    rows = [row for number in range(12) for row in some(fake(f"g{number}"), 3)]
    found = Counter(row.split for row in assign_splits(manifest(*rows), SHARES, seed=0).rows)
    assert found["train"] == pytest.approx(0.7 * 36, abs=2)
    assert min(found["val"], found["test"]) >= 4


def test_identities_stay_together_whatever_their_size() -> None:
    random = Random(0)
    rows = [
        Row(Path(f"{number}.png"), random.choice([REAL, fake()]), identity=f"id{number % 37}")
        for number in range(300)
    ]
    split = assign_splits(manifest(*rows), SHARES, seed=3)
    of = {(row.identity, row.split) for row in split.rows}
    assert len(of) == 37
    found = counts(split)
    total = Counter(row.label.label for row in rows)
    for name, share in zip(("train", "val", "test"), SHARES, strict=True):
        for label in ("real", "fake"):
            assert found[name, label] == pytest.approx(share * total[label], rel=0.2, abs=4)


def test_rows_with_a_split_keep_it_and_draw_their_identity_with_them() -> None:
    fixed = [replace(row, split="test") for row in some(REAL, 3, identity="anna{}")]
    free = [replace(row, label=fake(), path=Path("f") / row.path, split="") for row in fixed]
    split = assign_splits(manifest(*fixed, *free), SHARES, seed=0)
    assert [row.split for row in split.rows] == ["test"] * 6


def test_nothing_to_assign_changes_nothing() -> None:
    data = manifest(*(replace(row, split="val") for row in some(REAL, 5)))
    assert assign_splits(data, SHARES, seed=0) == data


def test_the_seed_decides_and_the_order_does_not() -> None:
    rows = [*some(REAL, 40, identity="r{}"), *some(fake(), 40)]
    one = assign_splits(manifest(*rows), SHARES, seed=0)
    again = assign_splits(manifest(*rows[::-1]), SHARES, seed=0)
    other = assign_splits(manifest(*rows), SHARES, seed=1)
    assert set(one.rows) == set(again.rows)
    assert set(one.rows) != set(other.rows)
    assert [row.path for row in one.rows] == [row.path for row in rows]


@pytest.mark.parametrize("count", range(3, 12))
def test_every_split_gets_every_label_from_three_on(count: int) -> None:
    data = manifest(*some(REAL, count), *some(fake(), count))
    assert len(counts(assign_splits(data, SHARES, seed=0))) == 6


def test_a_share_of_nothing_gets_nothing() -> None:
    split = assign_splits(manifest(*some(REAL, 20), *some(fake(), 20)), (0, 0, 1), seed=0)
    assert {row.split for row in split.rows} == {"test"}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (70, 15, 15)])
def test_wrong_shares_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="sum to 1"):
        assign_splits(manifest(*some(REAL, 3)), shares, seed=0)


def test_frames_of_a_video_stay_together_where_no_identity_is_known() -> None:
    rows = [
        Row(Path(f"{video}-{frame}.png"), REAL if video % 2 else fake(), video=f"v{video}")
        for video in range(30)
        for frame in range(4)
    ]
    rows[0] = replace(rows[0], split="test")
    found: dict[str, set[str]] = {}
    for row in assign_splits(Manifest(Path(), tuple(rows)), (0.6, 0.2, 0.2), seed=0):
        found.setdefault(row.video, set()).add(row.split)
    assert all(len(splits) == 1 for splits in found.values())
    assert found["v0"] == {"test"}
    assert set.union(*found.values()) == {"train", "val", "test"}
