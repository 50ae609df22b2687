import hashlib
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfclip.data.labels import LABELS, HierarchicalLabel
from mfclip.data.manifest import SPLITS, Manifest, Row, read_manifest, write_manifest
from mfclip.data.tables import is_missing
from mfclip.errors import DataError

TABLE = """path,label,forgery,family,generator,split,identity,group
a/1.png,real,,,,train,anna,studio
a/2.png,fake,AM,GAN,StarGAN,train,anna,studio
b/3.png,fake,EFS,diffusion,"LatDiff, v2",test,,web
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.csv"
    file.write_text(TABLE)
    return file


def test_reads_every_column(table: Path, tmp_path: Path) -> None:
    manifest = read_manifest(table)
    assert manifest.root == tmp_path
    assert manifest.rows == (
        Row(Path("a/1.png"), HierarchicalLabel("real"), "train", "anna", "studio"),
        Row(
            Path("a/2.png"),
            HierarchicalLabel("fake", "AM", "GAN", "StarGAN"),
            "train",
            "anna",
            "studio",
        ),
        Row(
            Path("b/3.png"),
            HierarchicalLabel("fake", "EFS", "diffusion", "LatDiff, v2"),
            "test",
            "",
            "web",
        ),
    )


def test_reads_videos(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("path,label,video\nx.png,fake,Deepfakes/000_003\ny.png,real,\n")
    assert [row.video for row in read_manifest(file)] == ["Deepfakes/000_003", ""]


def test_path_and_label_are_enough(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("path,label\nx.png,FAKE\n")
    assert read_manifest(file).rows == (Row(Path("x.png"), HierarchicalLabel("fake")),)


def test_columns_in_any_order_and_extra_ones(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("age,Label,width,PATH\n31,real,128,x.png\n")
    further = (("age", "31"), ("width", "128"))
    expected = Row(Path("x.png"), HierarchicalLabel("real"), further=further)
    assert read_manifest(file).rows == (expected,)


def test_further_columns_are_written_back_and_leave_the_fingerprint_alone(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,mask\nx.png,fake,m/x.png\ny.png,real,\n")
    manifest = read_manifest(tmp_path / "m.csv")
    write_manifest(manifest, tmp_path / "again.csv")
    assert read_manifest(tmp_path / "again.csv") == manifest
    plain = Manifest(tmp_path, tuple(replace(row, further=()) for row in manifest.rows))
    assert plain.fingerprint() == manifest.fingerprint()


def test_root_may_be_another_folder(table: Path, tmp_path: Path) -> None:
    manifest = read_manifest(table, tmp_path / "images")
    assert manifest.file(manifest.rows[0]) == tmp_path / "images/a/1.png"
    assert manifest.files()[0] == tmp_path / "images/a/1.png"


def test_absolute_paths_stay_absolute(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("path,label\n/data/x.png,real\n")
    assert read_manifest(file).files() == (Path("/data/x.png"),)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_written_reads_back(table: Path, tmp_path: Path, suffix: str) -> None:
    manifest = read_manifest(table)
    write_manifest(manifest, tmp_path / f"out.{suffix}")
    assert read_manifest(tmp_path / f"out.{suffix}") == manifest


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\/"))
CELLS = NAMES.map(str.strip).filter(lambda name: not name or not is_missing(name))
PATHS = st.lists(CELLS.filter(lambda name: name not in ("", ".", "..")), min_size=1, max_size=3)
ROWS = st.builds(
    Row,
    PATHS.map(lambda parts: Path(*parts)),
    st.builds(HierarchicalLabel, st.sampled_from(LABELS), CELLS, CELLS, CELLS),
    st.sampled_from(SPLITS),
    CELLS,
    CELLS,
    CELLS,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5, unique_by=lambda row: row.path))
def test_whatever_is_written_reads_back(tmp_path_factory, rows: list[Row]) -> None:
    manifest = Manifest(tmp_path_factory.getbasetemp(), tuple(rows))
    for name in ("any.csv", "any.parquet"):
        write_manifest(manifest, manifest.root / name)
        assert read_manifest(manifest.root / name) == manifest


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("path,label\n")
    with pytest.raises(DataError, match="names no image"):
        read_manifest(file)


def test_of_split_keeps_order(table: Path) -> None:
    manifest = read_manifest(table)
    assert manifest.of_split("train").rows == manifest.rows[:2]
    assert len(manifest.of_split("val")) == 0
    assert list(manifest.of_split("test")) == [manifest.rows[2]]


def test_labels_are_distinct_and_sorted(table: Path) -> None:
    manifest = read_manifest(table)
    twice = replace(manifest, rows=manifest.rows * 2)
    assert twice.labels() == tuple(sorted({row.label for row in manifest.rows}))
    assert len(twice.labels()) == 3


class TestFingerprint:
    def test_knows_neither_order_nor_root(self, table: Path, tmp_path: Path) -> None:
        here, there = tmp_path / "here", tmp_path / "there"
        for root in (here, there):
            (root / "a").mkdir(parents=True)
            (root / "a/1.png").write_bytes(b"12345")
        one = read_manifest(table, here)
        other = Manifest(there, one.rows[::-1])
        assert one.fingerprint() == other.fingerprint()
        assert len(one.fingerprint()) == 64

    def test_of_stills_is_what_it_was_before_there_were_videos(self, table: Path) -> None:
        """Bundles keep it to tell whether they meet the data they were made from."""
        manifest = read_manifest(table)
        lines = sorted(
            repr((row.path.as_posix(), *astuple(row.label), row.split, row.identity, row.group, -1))
            for row in manifest
        )
        wanted = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        assert manifest.fingerprint() == wanted

    def test_knows_the_sizes_of_files(self, table: Path, tmp_path: Path) -> None:
        manifest = read_manifest(table)
        missing = manifest.fingerprint()
        (tmp_path / "a").mkdir()
        (tmp_path / "a/1.png").write_bytes(b"")
        empty = manifest.fingerprint()
        (tmp_path / "a/1.png").write_bytes(b"1")
        assert len({missing, empty, manifest.fingerprint()}) == 3

    @pytest.mark.parametrize(
        "change",
        [
            {"path": Path("other.png")},
            {"label": HierarchicalLabel("fake")},
            {"split": "val"},
            {"identity": "bert"},
            {"group": "web"},
            {"video": "Deepfakes/000_003"},
        ],
    )
    def test_knows_every_field(self, table: Path, change: dict[str, object]) -> None:
        manifest = read_manifest(table)
        changed = replace(manifest, rows=(replace(manifest.rows[0], **change), *manifest.rows[1:]))
        assert changed.fingerprint() != manifest.fingerprint()
