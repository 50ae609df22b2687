"""Folds by kind, each row of a hand-made manifest accounted for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mfclip.data.kind_folds import COLUMNS, KindFold, kind_folds, never_left_out
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import DataError


def manifest(*lines: str) -> Manifest:
    """Rows of ``name split group generator family``; without a generator it is real."""
    rows = []
    for line in lines:
        name, split, group, *kind = line.split()
        generator, family = (*kind, "", "")[:2]
        label = (
            HierarchicalLabel("fake", "swap", family, generator)
            if generator
            else HierarchicalLabel("real")
        )
        rows.append(Row(Path(name), label, split, group="" if group == "-" else group))
    return Manifest(Path("root"), tuple(rows))


def names(found: Manifest) -> str:
    return " ".join(str(row.path) for row in found)


def by_kind(found: tuple[KindFold, ...]) -> dict[str, tuple[str, str, tuple[int, ...]]]:
    return {fold.kind: (names(fold.train), names(fold.judged), fold.places) for fold in found}


GROUPED = manifest(
    "r1 train east",
    "r2 train west",
    "a1 train east A gan",
    "a2 train west A gan",
    "b1 train west B gan",
    "c1 train east C flow",
    "vr1 val east",
    "va1 val east A gan",
    "vr2 val west",
    "vb1 val west B gan",
    "vc1 val east C flow",
    "vd1 val west D flow",
    "vr3 val north",
    "tr test east",
    "ta test east A gan",
)


def test_a_generator_is_neither_trained_on_nor_judged_with_reals_of_other_groups():
    found = kind_folds(GROUPED, "generator")
    assert by_kind(found) == {
        "A": ("r1 r2 b1 c1", "vr1 va1", (0, 1)),
        "B": ("r1 r2 a1 a2 c1", "vr2 vb1", (2, 3)),
        "C": ("r1 r2 a1 a2 b1", "vr1 vc1", (0, 4)),
    }
    assert [fold.caution for fold in found] == ["", "", ""]
    assert never_left_out(GROUPED, "generator") == {"D": 1}


def test_a_family_takes_all_its_generators_along():
    assert by_kind(kind_folds(GROUPED, "family")) == {
        "flow": ("r1 r2 a1 a2 b1", "vr1 vr2 vc1 vd1", (0, 2, 4, 5)),
        "gan": ("r1 r2 c1", "vr1 va1 vr2 vb1", (0, 1, 2, 3)),
    }
    assert never_left_out(GROUPED, "family") == {}


def test_a_group_goes_with_its_reals():
    assert by_kind(kind_folds(GROUPED, "group")) == {
        "east": ("r2 a2 b1", "vr1 va1 vc1", (0, 1, 4)),
        "west": ("r1 a1 c1", "vr2 vb1 vd1", (2, 3, 5)),
    }


def test_without_groups_every_real_is_compared():
    found = kind_folds(
        manifest(
            *("r train -", "a train - A", "b train - B"),
            *("vr1 val -", "vr2 val -", "va val - A", "vb val - B"),
        ),
        "generator",
    )
    assert by_kind(found) == {
        "A": ("r b", "vr1 vr2 va", (0, 1, 2)),
        "B": ("r a", "vr1 vr2 vb", (0, 1, 3)),
    }


def test_fakes_of_groups_without_reals_face_all_reals_with_a_caution():
    a, b = kind_folds(
        manifest(
            *("r train east", "a train west A", "b train east B"),
            *("vr val east", "va val west A", "vb val east B"),
        ),
        "generator",
    )
    assert names(a.judged) == "vr va"
    assert "no reals of west in val" in a.caution
    assert b.caution == ""


@pytest.mark.parametrize("column", COLUMNS)
def test_every_row_of_train_is_left_out_once_and_every_fake_of_val_judged_once(column):
    rows = [
        Row(
            Path(f"{split}{i}"),
            HierarchicalLabel("fake", f"f{i % 2}", f"m{i % 3}", f"g{i % 6}")
            if i % 4
            else HierarchicalLabel("real"),
            split,
            group=f"p{i % 3}",
        )
        for split in ("train", "val")
        for i in range(48)
    ]
    whole = Manifest(Path("root"), tuple(rows))
    folds = kind_folds(whole, column)
    train, val = whole.of_split("train").rows, whole.of_split("val").rows
    gone = [row for fold in folds for row in train if row not in fold.train.rows]
    judged = [row for fold in folds for row in fold.judged if row.is_fake]
    expected = [row for row in train if row.is_fake or column == "group"]
    assert sorted(gone, key=str) == sorted(expected, key=str)
    assert sorted(judged, key=str) == sorted((row for row in val if row.is_fake), key=str)
    for fold in folds:
        assert fold.judged.rows == tuple(val[place] for place in fold.places)


def refused(found: Manifest, column: str) -> str:
    with pytest.raises(DataError) as caught:
        kind_folds(found, column)  # type: ignore[arg-type]
    return str(caught.value)


def test_one_kind_cannot_be_left_out():
    told = refused(manifest("r train -", "a train - A", "a2 train - A", "vr val -"), "generator")
    assert "validation 'left-out:generator'" in told
    assert "column 'generator' has 1: 'A' (2 images)" in told
    assert "no fake at all" in refused(manifest("r train -"), "generator")


def test_fakes_that_do_not_say_their_kind_are_refused():
    told = refused(manifest("r train -", "a train - A x", "b train - B", "vr val -"), "family")
    assert "1 of 2 fakes in train and val have nothing in column 'family', such as b" in told


def test_every_fold_that_lacks_images_is_told():
    told = refused(
        manifest(
            "r train east", "a train east A", "b train west B", "vr val east", "va val east A"
        ),
        "group",
    )
    assert re.search(r"'east', trained without it: 0 real and 1 fake images", told)
    assert re.search(r"'west', judged by it: 0 real and 0 fake images", told)
    assert told.count("\n") == 3
