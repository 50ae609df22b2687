from collections import Counter

import pytest

from mfclip.errors import UsageError
from mfclip_sample.forge.generators import FORGE
from mfclip_sample.plan import GENERATORS, plan


@pytest.mark.parametrize("images", [12, 14, 100, 600])
def test_half_real_half_fake_and_generators_in_turn(images: int) -> None:
    items = plan(images, 224, 0)
    counts = Counter(item.row.label.generator for item in items)
    assert len(items) == images
    assert counts.pop("") == images // 2
    assert sum(counts.values()) == images // 2
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("images", [12, 38, 600])
def test_each_split_is_balanced(images: int) -> None:
    items = plan(images, 224, 0)
    for split in ("train", "val", "test"):
        rows = [item.row for item in items if item.row.split == split]
        labels = Counter(row.label.label for row in rows)
        assert labels["real"] == labels["fake"] > 0
        counts = Counter(row.label.generator for row in rows if row.label.generator)
        assert max(counts.values()) - min(counts.get(g.generator, 0) for g in GENERATORS) <= 1


def test_a_person_is_in_one_split_only() -> None:
    splits: dict[str, set[str]] = {}
    for item in plan(600, 224, 0):
        splits.setdefault(item.row.identity, set()).add(item.row.split)
    assert len(splits) == 150
    assert all(len(names) == 1 for names in splits.values())
    assert Counter(name for names in splits.values() for name in names) == {
        "train": 106,
        "val": 22,
        "test": 22,
    }


def test_every_forgery_type_meets_both_families() -> None:
    met = {(label.forgery, label.family) for label in GENERATORS}
    assert met == {(f, k) for f in ("EFS", "AM", "FS") for k in ("GAN", "diffusion")}
    assert {label.label for label in GENERATORS} == {"fake"}


def test_each_generator_has_a_pipeline_and_a_name_that_says_toy() -> None:
    names = [label.generator for label in GENERATORS]
    assert list(FORGE) == names
    assert all(name.startswith("toy-") for name in names)


def test_paths_are_folders_by_class() -> None:
    paths = {item.row.path.as_posix() for item in plan(12, 224, 0)}
    assert len(paths) == 12
    assert {"real/000000.jpg", "fake/toy-deconv/000001.jpg"} <= paths


@pytest.mark.parametrize(
    ("images", "size", "seed", "said"),
    [
        (13, 224, 0, "images=13"),
        (10, 224, 0, "images=10"),
        (12, 31, 0, "size=31"),
        (12, 2049, 0, "size=2049"),
        (12, 224, -1, "seed=-1"),
    ],
)
def test_impossible_sets_are_refused(images: int, size: int, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(images, size, seed)
