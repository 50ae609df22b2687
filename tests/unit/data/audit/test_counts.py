from collections.abc import Callable

from mfclip.data.audit.counts import check_counts
from mfclip.data.manifest import Manifest

Rows = Callable[..., Manifest]
Codes = Callable[..., list[str]]
ALL = ("train", "val", "test")


def test_full_table(rows: Rows) -> None:
    manifest = rows(
        "real test", "fake test", "real train", "fake train", "fake train", "real val", "fake val"
    )
    (counts,) = check_counts(manifest, ALL)
    assert counts.message == (
        "7 images: train 1 real and 2 fake; val 1 real and 1 fake; test 1 real and 1 fake"
    )


def test_empty_splits_and_classes(rows: Rows, codes: Codes) -> None:
    found = list(check_counts(rows("real train", "fake train", "fake test"), ALL))
    assert codes(found) == ["error empty-split", "error empty-class", "note counts"]
    assert found[0].message == "the split 'val' has no image"
    assert found[1].message == "the split 'test' has no real image"


def test_without_splits_the_whole_counts(rows: Rows, codes: Codes) -> None:
    assert codes(check_counts(rows("real", "fake"), ALL)) == ["note no-splits", "note counts"]
    found = list(check_counts(rows("real", "real"), ALL))
    assert codes(found) == ["error empty-class", "note no-splits", "note counts"]
    assert found[0].message == "the data has no fake image"


def test_rows_without_a_split_beside_others(rows: Rows) -> None:
    found = list(check_counts(rows("real train", "fake train", "fake", "real"), ("train",)))
    assert found[0].message == "2 of 4 images have no split and are not used"
