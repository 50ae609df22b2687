from collections.abc import Callable
from pathlib import Path

import pytest

from mfclip.data.audit import audit
from mfclip_data.readers import DeeperForensics

FAKES = {"train": "000_M101", "val": "001_W004", "test": "002_M020"}


@pytest.fixture
def root(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    root = tmp_path / "DeeperForensics-1.0"
    for variant in ("end_to_end", "end_to_end_level_5"):
        make_videos(root / "manipulated_videos" / variant, *FAKES.values())
    make_videos(root / "source_videos/M101", "M101_light_up_happy_camera_front")
    (root / "lists/splits").mkdir(parents=True)
    for split, name in FAKES.items():
        (root / f"lists/splits/{split}.txt").write_text(f"{name}.mp4\n")
    targets = tmp_path / "FF++/original_sequences/youtube/c23"
    make_videos(targets, "000", "001", "002", "999")
    return root


@pytest.fixture
def part(root: Path) -> Callable[..., DeeperForensics]:
    return lambda **more: DeeperForensics(**{"root": root, "targets": root.parent / "FF++", **more})


def test_the_real_class_is_the_targets(part, read, splits) -> None:
    manifest, told = read(part())
    assert not told
    assert splits(manifest) == {
        split: {f"targets/{name[:3]}", f"end_to_end/{name}"} for split, name in FAKES.items()
    }
    reals = {row.path for row in manifest if row.label.label == "real"}
    assert all(path.is_absolute() and "youtube/c23" in path.as_posix() for path in reals)
    assert all(file.is_file() for file in manifest.files())
    assert {row.label.generator for row in manifest} == {"", "DF-VAE"}


def test_target_and_actor_are_one_identity(part, read) -> None:
    manifest, _ = read(part())
    identities = {row.video.rpartition("/")[2]: row.identity for row in manifest}
    assert identities["000"] == identities["000_M101"] == "deeperforensics/M101"
    codes = {finding.code for finding in audit(manifest).errors}
    assert "identity-in-two-splits" not in codes


def test_variants_share_their_targets(part, read) -> None:
    manifest, _ = read(part(variants=("end_to_end", "end_to_end_level_5")))
    assert len({row.video for row in manifest}) == 3 + 2 * 3


def test_targets_may_lie_by_themselves(part, read, root: Path) -> None:
    targets = root.parent / "FF++/original_sequences/youtube/c23"
    assert read(part(targets=targets))[0] == read(part())[0]


def test_everything_missing_is_told(part, refusal, root: Path, make_videos) -> None:
    (root / "lists/splits/val.txt").unlink()
    with (root / "lists/splits/test.txt").open("a") as stream:
        stream.write("003_M020.mp4\n")
    make_videos(root / "manipulated_videos/end_to_end", "007_M101", "M101")
    text = refusal(part(variants=("end_to_end", "end_to_end_level_1")))
    assert "lists/splits/val.txt: there is no such file" in text
    assert "lists/splits, for end_to_end, names 1 videos that are not there: 003_M020" in text
    assert "targets (FF++ c23), names 1 videos that are not there: 007" in text
    assert "end_to_end: names that are not TARGET_SOURCE (000_M101): M101" in text
    assert "manipulated_videos/end_to_end_level_1: no such folder" in text


def test_a_target_in_two_splits(part, refusal, root: Path, make_videos) -> None:
    make_videos(root / "manipulated_videos/end_to_end", "000_M020")
    with (root / "lists/splits/test.txt").open("a") as stream:
        stream.write("000_M020.mp4\n")
    assert "target 000 has fakes in several splits: ['test', 'train']" in refusal(part())


def test_folders_of_targets_that_are_none(part, refusal, root: Path) -> None:
    assert "no such folder; wanted: the targets" in refusal(part(targets=root / "nowhere"))
    assert "holds no targets" in refusal(part(targets=root / "lists"))


def test_a_fake_names_the_frame_of_its_target(part, read) -> None:
    manifest, _ = read(part())
    for row in manifest:
        cells = dict(row.further)
        if row.is_fake:
            photo = Path(cells["counterpart"])
            assert (photo.parent.name, photo.name) == (row.path.parent.name[:3], row.path.name)
            assert photo.is_file()
        else:
            assert not cells
