import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip_data.readers import Dfdc

PARTS = {
    "dfdc_train_part_2": {"aa.mp4": None, "ab.mp4": "aa.mp4", "ac.mp4": "aa.mp4"},
    "dfdc_train_part_10": {"ba.mp4": None, "bb.mp4": "ba.mp4"},
}


@pytest.fixture
def root(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    for part, videos in PARTS.items():
        folder = tmp_path / "train" / part
        make_videos(folder, *(Path(name).stem for name in videos))
        entries = {
            name: {"label": "FAKE", "split": "train", "original": original}
            if original
            else {"label": "REAL", "split": "train"}
            for name, original in videos.items()
        }
        (folder / "metadata.json").write_text(json.dumps(entries))
    make_videos(tmp_path / "test", "ta", "tb")
    (tmp_path / "test/labels.csv").write_text("filename,label\nta.mp4,0\ntb.mp4,1\n")
    return tmp_path


def test_labels_splits_and_identities(root: Path, read, splits) -> None:
    manifest, told = read(Dfdc(root=root, split=(0.5, 0.5, 0.0)))
    assert not told
    found = splits(manifest)
    assert found["test"] == {"test/ta", "test/tb"}
    assert found["train"] | found["val"] == {
        f"{part}/{Path(name).stem}" for part, names in PARTS.items() for name in names
    }
    assert {"/".join(sorted(names))[:17] for names in (found["train"], found["val"])} == {
        "dfdc_train_part_1",
        "dfdc_train_part_2",
    }  # a video and its fakes stay together
    about = {row.video: (row.label.label, row.identity) for row in manifest}
    assert about["dfdc/dfdc_train_part_2/ac"] == ("fake", "dfdc/aa")
    assert about["dfdc/dfdc_train_part_2/aa"] == ("real", "dfdc/aa")
    assert about["dfdc/test/tb"] == ("fake", "")
    assert manifest.labels() == (HierarchicalLabel("fake"), HierarchicalLabel("real"))
    assert {row.group for row in manifest} == {"dfdc"}


def test_parts_right_in_the_root_in_the_order_of_their_numbers(root: Path, read) -> None:
    for part in PARTS:
        (root / "train" / part).rename(root / part)
    manifest, _ = read(Dfdc(root=root))
    assert [*dict.fromkeys(row.video.split("/")[1] for row in manifest)] == [*PARTS, "test"]


def test_an_official_validation_set_is_kept(root: Path, make_videos, read, splits) -> None:
    make_videos(root / "validation", "va", "vb")
    (root / "validation/labels.csv").write_text("filename,label\nva.mp4,0\nvb.mp4,1\n")
    assert splits(read(Dfdc(root=root))[0])["val"] == {"validation/va", "validation/vb"}


def test_without_a_test_set_the_split_is_drawn(root: Path, read) -> None:
    (root / "test").rename(root / "tests")
    manifest, told = read(Dfdc(root=root))
    assert {row.split for row in manifest} == {""}
    assert any("no official test set" in text for text in told)
    assert any("tests/ is not part of the layout" in text for text in told)


def test_everything_missing_is_told_at_once(root: Path, make_videos, refusal) -> None:
    make_videos(root / "test", "extra", "hollow", frames=0)
    with (root / "test/labels.csv").open("a") as stream:
        stream.write("gone.mp4,1\nhollow.mp4,1\n")
    (root / "train/dfdc_train_part_10/metadata.json").unlink()
    text = refusal(Dfdc(root=root))
    assert "test/labels.csv names 1 videos that are not there: gone" in text
    assert "test/labels.csv gives no label to 1 videos: extra" in text
    assert "video dfdc/test/hollow is empty" in text
    assert "dfdc_train_part_10/metadata.json: there is no such file" in text


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("train/dfdc_train_part_2/metadata.json", '{"aa.mp4": {"label": "TRUE"}}', "is 'TRUE'"),
        ("train/dfdc_train_part_2/metadata.json", "[]", "wanted {"),
        ("train/dfdc_train_part_2/metadata.json", "{", "not JSON"),
        ("test/labels.csv", "name,label\n", "column filename is missing; there are: name, label"),
        ("test/labels.csv", "filename,label\nta.mp4,real\n", "the label of ta.mp4 is 'real'"),
    ],
)
def test_files_of_labels_that_are_none(root: Path, refusal, file, content, told) -> None:
    (root / file).write_text(content)
    text = refusal(Dfdc(root=root))
    assert told in text
    assert str(root / file) in text


def test_no_labels_and_no_parts(tmp_path: Path, refusal) -> None:
    (tmp_path / "test").mkdir()
    text = refusal(Dfdc(root=tmp_path))
    assert "no folder dfdc_train_part_*" in text
    assert "test/labels.csv: there is no such file" in text


def test_a_fake_names_the_frame_of_its_original(root: Path, read) -> None:
    manifest, _ = read(Dfdc(root=root))
    found = {row.video.removeprefix("dfdc/"): dict(row.further) for row in manifest}
    folder = "train/dfdc_train_part_2"
    assert found["dfdc_train_part_2/ac"] == {"counterpart": f"{folder}/frames/aa/002.png"}
    assert found["dfdc_train_part_2/aa"] == found["test/tb"] == {}
