from itertools import pairwise
from pathlib import Path

import pytest

from mfclip.data.left_out import LeftOut
from mfclip.films.frames import spaced
from mfclip_data.frames import list_frames, natural


def test_exact_positions() -> None:
    """Over all of the video: taking the first 32 of 270 is a known mistake of the field."""
    assert spaced(270, 8) == [16, 50, 84, 118, 151, 185, 219, 253]
    assert spaced(32, 8) == [2, 6, 10, 14, 18, 22, 26, 30]
    assert spaced(10, 3) == [1, 5, 8]
    assert spaced(7, 1) == [3]


@pytest.mark.parametrize("total", [0, 1, 2, 5])
def test_all_of_a_short_video(total: int) -> None:
    assert spaced(total, 5) == list(range(total))


@pytest.mark.parametrize("total", range(1, 60, 7))
@pytest.mark.parametrize("wanted", range(1, 40, 5))
def test_positions_are_even_and_inside(total: int, wanted: int) -> None:
    found = spaced(total, wanted)
    gaps = {after - before for before, after in pairwise(found)}
    assert len(found) == len(set(found)) == min(total, wanted)
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
    ends = found[0], total - 1 - found[-1]
    assert abs(ends[0] - ends[1]) <= 1


def test_numbers_order_frames(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "2.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    left_out = LeftOut()
    assert [path.name for path in list_frames(tmp_path, left_out)] == ["2.jpg", "9.png", "10.png"]
    assert str(left_out) == "1 .txt, 1 folders, 1 hidden"
    assert sorted(["b2", "a10", "1", "a9"], key=natural) == ["1", "a9", "a10", "b2"]
