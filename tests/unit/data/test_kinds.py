from collections import Counter
from pathlib import Path

from mfclip.data.kinds import Kind, Kinds, reals_and_fakes
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

ROWS = tuple(
    Row(Path(f"{n}.png"), HierarchicalLabel(label, generator=generator), split, group=group)
    for n, (label, generator, split, group) in enumerate(
        [
            ("real", "", "train", "x"),
            ("fake", "a", "train", "x"),
            ("fake", "a", "train", "x"),  # an equal label that is another object
            ("fake", "a", "val", "x"),
            ("fake", "b", "train", "y"),
            ("real", "", "train", "x"),
        ]
    )
)
MANIFEST = Manifest(Path("root"), ROWS)


def test_every_row_is_counted_under_its_kind():
    kinds = Kinds.of(MANIFEST)
    assert kinds.tally == Counter(Kind(row.split, row.label, row.group) for row in ROWS)
    assert next(iter(kinds.tally)) == Kind("train", HierarchicalLabel("real"), "x")
    assert [list(kinds.tally)[number].label for number in kinds.numbers] == [
        row.label for row in ROWS
    ]


def test_rows_are_taken_by_their_kind_in_their_order():
    kinds = Kinds.of(MANIFEST)
    assert kinds.only(lambda kind: kind.is_fake).rows == ROWS[1:5]
    assert kinds.only(lambda kind: kind.is_fake).root == MANIFEST.root
    assert kinds.places(lambda kind: kind.group == "x" and kind.split == "train") == (0, 1, 2, 5)
    assert reals_and_fakes(kinds.tally, lambda kind: kind.split == "train") == (2, 3)


def test_no_rows_are_of_no_kind():
    kinds = Kinds.of(Manifest(Path(), ()))
    assert dict(kinds.tally) == {}
    assert kinds.places(lambda kind: True) == ()
