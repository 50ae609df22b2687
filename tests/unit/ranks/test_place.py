from __future__ import annotations

import pytest

from mfclip.errors import UsageError
from mfclip.ranks.place import WAIT, Place, place_of_process, process_count, seconds_to_wait

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}


def test_a_process_by_itself():
    assert place_of_process({}) == Place(0, 1, 0, 1)
    assert place_of_process({"WORLD_SIZE": "1", "RANK": "0"}) == Place()


def test_one_of_several():
    assert place_of_process(TORCHRUN) == Place(5, 8, 1, 4)
    assert process_count(TORCHRUN) == 8


def test_without_local_numbers_all_are_on_one_machine():
    assert place_of_process({"RANK": "1", "WORLD_SIZE": "3"}) == Place(1, 3, 1, 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"RANK": ""}, "RANK is ''"),
        ({"RANK": "8"}, "RANK=8 of WORLD_SIZE=8"),
        ({"LOCAL_RANK": "4"}, "LOCAL_RANK=4 of LOCAL_WORLD_SIZE=4"),
        ({"LOCAL_WORLD_SIZE": "9"}, "LOCAL_WORLD_SIZE=9"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE is 'many'"),
    ],
)
def test_what_cannot_be_is_refused(changes, told):
    with pytest.raises(UsageError, match=told) as caught:
        place_of_process({**TORCHRUN, **changes})
    assert "torchrun" in str(caught.value)


def test_the_time_to_wait():
    assert seconds_to_wait({}) == 3600
    assert seconds_to_wait({WAIT: "1.5"}) == 1.5
    for wrong in ("soon", "0", "-1", "inf", "nan"):
        with pytest.raises(UsageError, match=WAIT):
            seconds_to_wait({WAIT: wrong})
