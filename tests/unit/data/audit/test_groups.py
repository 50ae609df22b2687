from collections.abc import Callable

from mfclip.data.audit.groups import check_groups
from mfclip.data.manifest import Manifest

Rows = Callable[..., Manifest]
BOTH = ("real train a studio", "fake train b studio")


def test_a_group_of_reals_alone_and_one_of_fakes_alone(rows: Rows) -> None:
    manifest = rows(*BOTH, "real train c street", "real train d street", "fake train e lab")
    (found,) = check_groups(manifest)
    assert (found.severity, found.code) == ("warning", "group-of-one-label")
    assert found.message == (
        "2 of 3 groups have training images of one label alone, which a detector can learn to "
        "tell by anything else that their pictures share: 'lab' (1 fake), 'street' (2 real)"
    )
    assert found.examples == ("lab", "street")
    assert "erase_groups" in found.advice


def test_what_is_not_trained_on_teaches_nothing(rows: Rows) -> None:
    assert not list(check_groups(rows(*BOTH, "real test c street", "real val d street")))


def test_fakes_of_another_split_do_not_help(rows: Rows) -> None:
    (found,) = check_groups(rows(*BOTH, "real train c street", "fake test d street"))
    assert found.examples == ("street",)


def test_without_splits_all_rows_count(rows: Rows) -> None:
    made = rows("real", "fake")
    assert not list(check_groups(made))
    named = rows("real train a studio", "fake train b studio", "real train c street")
    unsplit = Manifest(named.root, tuple(row.in_split("") for row in named.rows))
    (found,) = check_groups(unsplit)
    assert found.examples == ("street",)


def test_a_single_group_and_rows_without_one(rows: Rows) -> None:
    assert not list(check_groups(rows("real train a studio", "real train b studio")))
    assert not list(check_groups(rows("real train a", "real train b studio", "fake train c")))
