from collections.abc import Callable

from mfclip.data.audit.identities import check_identities
from mfclip.data.manifest import Manifest

Rows = Callable[..., Manifest]
Codes = Callable[..., list[str]]


def test_identities_in_two_splits(rows: Rows) -> None:
    manifest = rows(
        "real train anna", "fake test anna", "real val bert", "real train carl", "fake val carl"
    )
    (found,) = check_identities(manifest)
    assert found.severity == "error"
    assert found.message == (
        "2 identities in two splits or more: anna (test, train), carl (train, val)"
    )


def test_one_identity(rows: Rows) -> None:
    (found,) = check_identities(rows("real train anna", "fake test anna"))
    assert found.message.startswith("1 identity in two splits")


def test_clean(rows: Rows) -> None:
    assert not list(check_identities(rows("real train anna", "fake train anna", "real test bert")))


def test_rows_without_identity_or_split_do_not_count(rows: Rows, codes: Codes) -> None:
    assert codes(check_identities(rows("real train", "fake test"))) == ["note no-identities"]
