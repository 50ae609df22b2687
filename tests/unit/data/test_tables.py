import sys
from pathlib import Path

import pytest

from mfclip.data.tables import read_table, write_table
from mfclip.errors import DataError, MissingExtraError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


def cells(file: Path) -> list[tuple[str, ...]]:
    return [tuple(cells) for _, cells in read_table(file).records]


@pytest.mark.parametrize(
    "content",
    [
        b"Path,label\na.png,real\n",
        b"\xef\xbb\xbfpath,label\na.png,real\n",
        b"path,label\r\na.png,real\r\n",
        b"path;label\na.png;real",
        b"path\tlabel\na.png\treal\n",
        b" path , label \n a.png , real \n",
        b"\npath,label\n\n,\na.png,real\n\n",
        b'"path","label"\n"a.png","real"\n',
    ],
)
def test_csv_in_every_dress(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert read_table(file).columns == ("path", "label")
    assert cells(file) == [("a.png", "real")]


def test_lines_are_those_of_the_file(file: Path) -> None:
    file.write_text("path,label\n\na.png,real\n\nb.png,fake\n")
    assert [place for place, _ in read_table(file).records] == ["line 3", "line 5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"path,label\nM\xfcller.png,real\n", "not UTF-8"),
        (b'path,label\n"a"b,real\n', "line 2: not CSV"),
        (b'path,label\n"a,real\n', "not CSV"),
    ],
)
def test_what_is_no_table_says_so(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        cells(file)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such manifest"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(DataError, match="a folder, where a manifest"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_awkward_names_survive(tmp_path: Path, name: str) -> None:
    paths = ["a,b.png", 'say "x".png', "Müller/顔.png", "a;b\tc.png"]
    file = tmp_path / "new" / name
    write_table(file, ("path",), [(path,) for path in paths])
    assert cells(file) == [(path,) for path in paths]


def test_parquet_of_other_types(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    file = tmp_path / "t.parquet"
    label = pyarrow.array(["real", None]).dictionary_encode()
    columns = {"path": ["a.png", "b.png"], "Label": label, "age": [3, None]}
    table = pyarrow.table({**columns, "box": [[1, 2], None], "nothing": [None, None]})
    pyarrow.parquet.write_table(table, file)
    assert read_table(file).columns == ("path", "label", "age", "box", "nothing")
    assert list(read_table(file).records) == [
        ("row 1", ("a.png", "real", "3", "[1, 2]", "")),
        ("row 2", ("b.png", "", "", "", "")),
    ]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_more_rows_than_are_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("mfclip.data.tables._BATCH", 3)
    file, rows = tmp_path / name, [(f"{n}.png", "real") for n in range(10)]
    write_table(file, ("path", "label"), rows)
    assert cells(file) == rows
    first = "row 1" if name == "t.parquet" else "line 2"
    places = [place for place, _ in read_table(file).records]
    assert places[0] == first
    assert len(set(places)) == 10


def test_damaged_parquet(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    file.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(file)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    file = tmp_path / "t.parquet"
    file.touch()
    with pytest.raises(MissingExtraError, match=r"mfclip\[parquet\]"):
        read_table(file)


def test_a_failed_write_leaves_the_old_table(file: Path) -> None:
    write_table(file, ("path",), [("old.png",)])
    with pytest.raises(DataError, match="not valid Unicode"):
        write_table(file, ("path",), [("new.png",), ("bad\udcff.png",)])
    assert cells(file) == [("old.png",)]
    assert [path.name for path in file.parent.iterdir()] == ["t.csv"]


def test_names_that_would_not_read_back_are_refused(file: Path) -> None:
    with pytest.raises(DataError, match="'None' would read as a missing value"):
        write_table(file, ("generator",), [("None",)])
    with pytest.raises(DataError, match=r"' a\.png' begins or ends with white space"):
        write_table(file, ("path",), [(" a.png",)])
    assert not file.exists()
