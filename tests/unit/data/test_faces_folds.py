"""The folds of ``benchmarks/faces_folds.py``: what is tested was not trained on."""

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
KINDS = [("a", "real", ""), ("a", "fake", "G"), ("b", "real", ""), ("b", "fake", "H")]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import faces_folds

    return faces_folds


@pytest.fixture
def rows() -> list[dict[str, str]]:
    """Twenty people of two groups; each person has a real and a fake image in the same split."""
    splits = ["train"] * 12 + ["val"] * 4 + ["test"] * 4
    return [
        {
            "group": group,
            "label": label,
            "generator": generator,
            "identity": f"{group}{person}",
            "split": split,
        }
        for group, label, generator in KINDS
        for person, split in enumerate(splits)
    ]


@pytest.mark.parametrize(("column", "left"), [("generator", "H"), ("group", "b")])
def test_nobody_is_trained_on_and_tested(script, rows, column: str, left: str) -> None:
    kept = script.fold(rows, {left}, column)
    people = {
        split: {row["identity"] for row in kept if row["split"] == split}
        for split in ("train", "val", "test")
    }
    assert all(people.values())
    assert not people["test"] & (people["train"] | people["val"])
    assert not [row for row in kept if row["split"] != "test" and row["generator"] == "H"]


def test_a_group_is_tested_whole_and_the_file_s_own_test_not_at_all(script, rows) -> None:
    kept = script.fold(rows, {"b"}, "group")
    assert Counter((row["group"], row["split"]) for row in kept) == {
        ("a", "train"): 24,
        ("a", "val"): 8,
        ("b", "test"): 32,
    }


def test_reals_of_all_groups_are_tested_beside_a_generator(script, rows) -> None:
    kept = script.fold(rows, {"H"}, "generator")
    tested = [row for row in kept if row["split"] == "test"]
    assert {row["generator"] for row in tested} == {"", "H"}
    assert {row["group"] for row in tested if row["label"] == "real"} == {"a", "b"}
    own = {row["identity"] for row in rows if row["split"] == "test"}
    assert not own & {row["identity"] for row in kept}
