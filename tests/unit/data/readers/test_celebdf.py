from collections.abc import Callable
from pathlib import Path

import pytest

from mfclip.data.audit import audit
from mfclip.data.labels import HierarchicalLabel
from mfclip_data.readers import CelebDf

LIST = """1 Celeb-real/id0_0000.mp4
0 Celeb-synthesis/id0_id1_0000.mp4
1 YouTube-real/00170.mp4
"""


@pytest.fixture
def root(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    make_videos(tmp_path / "Celeb-real", "id0_0000", "id0_0001", "id1_0000", "id9_0000", "id9_0001")
    make_videos(tmp_path / "YouTube-real", "00170", "00171")
    fakes = ("id0_id1_0000", "id1_id0_0000", "id9_id8_0000", "id9_id8_0001")
    make_videos(tmp_path / "Celeb-synthesis", *fakes)
    (tmp_path / "List_of_testing_videos.txt").write_text(LIST)
    return tmp_path


def test_the_official_test_set_and_nothing_else(root: Path, read, splits) -> None:
    manifest, told = read(CelebDf(root=root))
    assert not told
    listed = {line.split()[1].removesuffix(".mp4") for line in LIST.splitlines()}
    assert splits(manifest) == {"test": listed}
    assert manifest.labels() == (
        HierarchicalLabel("fake", "FS", "", "Celeb-DF"),
        HierarchicalLabel("real"),
    )
    assert {row.group for row in manifest} == {"celeb-df-v2"}


def test_swapped_people_are_one_identity(root: Path, read) -> None:
    manifest, _ = read(CelebDf(root=root, rest="train", version="v1"))
    identities = {row.video.removeprefix("celeb-df-v1/"): row.identity for row in manifest}
    assert identities["Celeb-real/id0_0001"] == identities["Celeb-real/id1_0000"] == "celeb-df/id0"
    assert identities["Celeb-synthesis/id1_id0_0000"] == "celeb-df/id0"
    assert identities["Celeb-synthesis/id9_id8_0000"] == "celeb-df/id8"
    assert identities["YouTube-real/00170"] == "celeb-df/YouTube-real/00170"


def test_the_rest_for_training_shares_people_with_test_and_the_audit_says_so(
    root: Path, read, splits
) -> None:
    manifest, _ = read(CelebDf(root=root, rest="train"))
    assert splits(manifest)["test"] == splits(read(CelebDf(root=root))[0])["test"]
    codes = {finding.code for finding in audit(manifest).errors}
    assert "identity-in-two-splits" in codes
    assert "video-in-two-splits" not in codes


def test_validation_is_drawn_from_the_rest(root: Path, read, splits) -> None:
    part = CelebDf(root=root, rest="train", together="videos", split=(0.5, 0.5, 0.0))
    manifest, _ = read(part)
    found = splits(manifest)
    assert set(found) == {"train", "val", "test"}
    assert len(found["test"]) == 3
    identities = {row.video.removeprefix("celeb-df-v2/"): row.identity for row in manifest}
    assert identities["Celeb-real/id9_0001"] == identities["Celeb-synthesis/id9_id8_0001"]
    assert identities["Celeb-real/id9_0000"] != identities["Celeb-real/id9_0001"]


def test_videos_right_in_the_folders_want_an_import(root: Path, refusal) -> None:
    (root / "Celeb-real/frames").rename(root / "gone")
    for name in ("id0_0000", "id9_0000"):
        (root / "Celeb-real" / f"{name}.mp4").touch()
    text = refusal(CelebDf(root=root))
    assert "1 videos have no extracted frames: celeb-df-v2/Celeb-real/id0_0000" in text
    assert "mfclip data import" in text


def test_no_list(root: Path, refusal, read) -> None:
    (root / "List_of_testing_videos.txt").rename(root / "list_of_testing_videos.txt")
    text = refusal(CelebDf(root=root))
    assert "List_of_testing_videos.txt: there is no such file" in text
    assert "list_of_testing_videos.txt" in text
    manifest, _ = read(CelebDf(root=root, incomplete="warn"))
    assert {row.split for row in manifest} == {""}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1 Celeb-synthesis/id0_id1_0000.mp4", "calls a video of Celeb-synthesis real"),
        ("2 Celeb-real/id0_0000.mp4", "wanted a line like '1 Celeb-real/id0_0000.mp4'"),
        ("1 Celeb-unreal/id0_0000.mp4", "got '1 Celeb-unreal/id0_0000.mp4'"),
    ],
)
def test_lines_of_the_list_that_are_none(root: Path, refusal, line: str, told: str) -> None:
    file = root / "List_of_testing_videos.txt"
    file.write_text(f"{LIST}\n{line}\n")
    text = refusal(CelebDf(root=root))
    assert told in text
    assert f"{file}:5" in text


def test_absent_videos_and_folders(root: Path, refusal) -> None:
    with (root / "List_of_testing_videos.txt").open("a") as stream:
        stream.write("0 Celeb-synthesis/id5_id6_0007.mp4\n")
    (root / "YouTube-real").rename(root / "Youtube")
    text = refusal(CelebDf(root=root))
    assert "names 2 videos that are not there" in text
    assert "Celeb-synthesis/id5_id6_0007" in text
    assert "YouTube-real: there is no such folder" in text
    assert "Youtube/" in text


def test_a_name_that_tells_no_identity(root: Path, make_videos, read) -> None:
    make_videos(root / "Celeb-real", "someone")
    manifest, told = read(CelebDf(root=root, rest="train"))
    assert any("Celeb-real/someone: the name tells no identity" in text for text in told)
    assert {row.identity for row in manifest if row.video.endswith("someone")} == {""}


def test_a_fake_names_the_frame_of_the_video_under_the_face(root: Path, read) -> None:
    manifest, _ = read(CelebDf(root=root, rest="train"))
    found = {row.video.rpartition("/")[2]: dict(row.further) for row in manifest}
    photo = found["id1_id0_0000"]["counterpart"]
    assert photo == "Celeb-real/frames/id1_0000/002.png"
    assert {name for name, cells in found.items() if "id" in name and cells} == {
        *("id0_id1_0000", "id1_id0_0000", "id9_id8_0000", "id9_id8_0001")
    }
