from pathlib import Path

import pytest

from mfclip.data.rows import COLUMNS, Record, RowCheck, check_header
from mfclip.errors import DataError

FILE = Path("m.csv")


def checked(columns: tuple[str, ...], *cells: tuple[str, ...]) -> list[Record]:
    records = [(f"line {line}", one) for line, one in enumerate(cells, start=2)]
    return list(RowCheck(FILE, columns).sound(records))


def rows(*paths_and_labels: tuple[str, str]) -> list[Record]:
    return checked(("path", "label"), *paths_and_labels)


def problem(*paths_and_labels: tuple[str, str]) -> str:
    with pytest.raises(DataError) as caught:
        rows(*paths_and_labels)
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "meant"),
    [("lable", "label"), ("labels", "label"), ("forgery_type", "forgery"), ("spilt", "split")],
)
def test_misspelt_columns_are_errors(column: str, meant: str) -> None:
    columns = [name for name in COLUMNS if name != meant]
    with pytest.raises(DataError, match=f"unknown column '{column}'; did you mean '{meant}'"):
        check_header(FILE, [*columns, column])


@pytest.mark.parametrize("column", ["age", "width", "labels", "dataset", "frame", "video_id"])
def test_other_columns_are_fine(column: str) -> None:
    check_header(FILE, [*COLUMNS, column])


def test_a_column_that_manifests_had_before_there_were_videos_is_still_read_past() -> None:
    without = [name for name in COLUMNS if name != "video"]
    check_header(FILE, [*without, "video_id"])
    with pytest.raises(DataError, match="unknown column 'videos'; did you mean 'video'"):
        check_header(FILE, [*without, "videos"])


def test_missing_columns_are_named_with_those_found() -> None:
    with pytest.raises(DataError) as caught:
        check_header(FILE, ["image", "truth"])
    text = str(caught.value)
    assert "column 'path' is missing" in text
    assert "column 'label' is missing" in text
    assert "found columns: 'image', 'truth'" in text
    assert "known columns: path, label, forgery" in text


def test_a_column_twice_is_an_error() -> None:
    with pytest.raises(DataError, match="'label' is there 2 times"):
        check_header(FILE, ["path", "label", "label"])


def test_every_problem_is_told_at_once_with_its_line() -> None:
    text = problem(("a.png", "real"), ("b.png", "1"), ("", "fake"), ("a.png", "genuine"))
    assert text.splitlines() == [
        "m.csv: line 3: label '1' is not one of: real, fake",
        "m.csv: line 4: path is empty",
        "m.csv: line 5: label 'genuine' is not one of: real, fake",
        "m.csv: line 5: path 'a.png' was already named in line 2",
    ]


def test_many_problems_are_counted() -> None:
    text = problem(*[(f"{number}.png", "?") for number in range(50)])
    assert len(text.splitlines()) == 21
    assert text.endswith("... and 30 more problems")


def test_backslashes_are_answered_with_the_right_path() -> None:
    text = problem(("fake\\stargan\\1.png", "fake"))
    assert "has back-slashes; write 'fake/stargan/1.png'" in text


@pytest.mark.parametrize("path", ["../x.png", "a/../../x.png", "a/../x.png"])
def test_paths_may_not_leave_the_root(path: str) -> None:
    assert "leaves the root" in problem((path, "real"))


def test_spellings_of_one_path_are_the_same_path() -> None:
    assert [row.path for row in rows(("./a//b.png", "real"))] == ["a/b.png"]
    assert "already named in line 2" in problem(("a/b.png", "real"), ("./a//b.png", "real"))


def test_unknown_splits_are_errors() -> None:
    with pytest.raises(DataError, match="split 'dev' is not one of: train, val, test, or empty"):
        checked(("path", "label", "split"), ("a.png", "real", "dev"))


def test_too_many_cells_are_an_error_and_missing_ones_are_empty() -> None:
    with pytest.raises(DataError, match="3 cells, but the header names 2 columns"):
        checked(("path", "label"), ("a.png", "real", "x"))
    (row,) = checked(("path", "label", "group"), ("a.png", "Real"))
    assert (row.label.label, row.group, row.identity) == ("real", "", "")
