"""Which photo a fake was made from, by what a manifest says."""

from pathlib import Path

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, read_manifest, write_manifest
from mfclip.data.pairs import counterpart_of, frame_number, told, with_counterparts

REAL, FAKE = HierarchicalLabel("real"), HierarchicalLabel("fake")


def row(path: str, identity: str = "p", video: str = "", split="train", **further: str) -> Row:
    label = REAL if path.startswith("real") else FAKE
    return Row(Path(path), label, split, identity, "", video, tuple(further.items()))


def found(*rows: Row) -> dict[str, str]:
    paired = with_counterparts(Manifest(Path(), rows))
    return {one.path.as_posix(): counterpart_of(one) for one in paired if one.is_fake}


def test_the_only_real_image_of_the_identity() -> None:
    rows = (row("real/a.png"), row("fake/x.png"), row("real/b.png", "q"), row("fake/y.png", "r"))
    assert found(*rows) == {"fake/x.png": "real/a.png", "fake/y.png": ""}


def test_of_several_the_one_with_the_same_name_or_none() -> None:
    reals = (row("real/1.png"), row("real/2.jpg"))
    assert found(*reals, row("fake/2.png")) == {"fake/2.png": "real/2.jpg"}
    assert found(*reals, row("fake/3.png")) == {"fake/3.png": ""}
    again = row("real/more/2.png")
    assert found(*reals, again, row("fake/2.png")) == {"fake/2.png": ""}


def test_rows_without_identity_have_none() -> None:
    assert found(row("real/1.png", ""), row("fake/1.png", "")) == {"fake/1.png": ""}


def test_a_photo_of_another_split_is_never_taken() -> None:
    assert found(row("real/1.png", split="test"), row("fake/1.png")) == {"fake/1.png": ""}


def test_frames_need_the_number() -> None:
    reals = [row(f"real/v/{n:03}.png", video="v") for n in range(3)]
    fakes = [row("fake/w/frame_1.png", video="w"), row("fake/w/frame_7.png", video="w")]
    assert found(*reals, *fakes) == {
        "fake/w/frame_1.png": "real/v/001.png",
        "fake/w/frame_7.png": "",
    }
    other = row("real/u/001.png", video="u")
    assert found(*reals, other, fakes[0]) == {"fake/w/frame_1.png": ""}
    assert found(reals[1], fakes[1]) == {"fake/w/frame_7.png": ""}


def test_a_column_of_the_data_stands(tmp_path: Path) -> None:
    rows = (row("real/a.png"), row("fake/x.png", counterpart=""), row("fake/y.png"))
    assert found(*rows) == {"fake/x.png": "", "fake/y.png": ""}
    paired = with_counterparts(Manifest(tmp_path, (rows[0], rows[2])))
    write_manifest(paired, tmp_path / "m.csv")
    again = with_counterparts(read_manifest(tmp_path / "m.csv"))
    assert [counterpart_of(one) for one in again] == ["", "real/a.png"]


def test_how_many_are_told() -> None:
    rows = (row("real/a.png"), row("fake/x.png"), row("fake/y.png", "q"))
    text = told(with_counterparts(Manifest(Path(), rows)), ["counterpart", "forgery-mask"])
    assert text.startswith("counterpart, forgery-mask: 1 of 2 fakes have a counterpart; the others")
    text = told(with_counterparts(Manifest(Path(), rows[:2])), ["counterpart"])
    assert text == "counterpart: 1 of 1 fakes have a counterpart"


@pytest.mark.parametrize(("stem", "number"), [("000123", 123), ("v2_frame-07", 7), ("a", None)])
def test_the_number_of_a_frame(stem: str, number: int | None) -> None:
    assert frame_number(stem) == number
