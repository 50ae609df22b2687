from mfclip_data.people import join_people


def test_whoever_is_linked_is_one_circle() -> None:
    meetings = [("000", "003"), ("003", "000"), ("003", "010"), ("044",), ("050", "051"), ()]
    assert join_people(meetings) == {
        **dict.fromkeys(("000", "003", "010"), "000"),
        "044": "044",
        **dict.fromkeys(("050", "051"), "050"),
    }


def test_circles_do_not_depend_on_the_order() -> None:
    meetings = [(f"{n:02}", f"{n + 2:02}") for n in range(0, 40)]
    found = join_people(meetings)
    assert found == join_people(meetings[::-1])
    assert set(found.values()) == {"00", "01"}


def test_a_long_chain_is_quick() -> None:
    found = join_people((f"{n:06}", f"{n - 1:06}") for n in range(100_000, 0, -1))
    assert set(found.values()) == {"000000"}
