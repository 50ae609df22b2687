import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mfclip.data.audit import audit
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.splits import assign_splits
from mfclip.parts import BuildContext
from mfclip_data.readers import Ffpp

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
PAIRS = {"train": ["000", "003"], "val": ["001", "870"], "test": ["002", "006"]}
TWO = ("Deepfakes", "Face2Face")


@pytest.fixture
def root(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    """Three pairs of videos at c23, and their official split."""
    numbers = [number for pair in PAIRS.values() for number in pair]
    make_videos(tmp_path / "original_sequences/youtube/c23", *numbers)
    for method in METHODS:
        swaps = [name for a, b in PAIRS.values() for name in (f"{a}_{b}", f"{b}_{a}")]
        make_videos(tmp_path / "manipulated_sequences" / method / "c23", *swaps)
    for name, pair in PAIRS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps([pair]))
    return tmp_path


def test_labels_ids_and_groups(root: Path, read) -> None:
    manifest, told = read(Ffpp(root=root))
    assert not told
    assert len(manifest) == 3 * (6 + 4 * 6)
    assert manifest.labels() == (
        HierarchicalLabel("fake", "AM", "", "Face2Face"),
        HierarchicalLabel("fake", "AM", "", "NeuralTextures"),
        HierarchicalLabel("fake", "FS", "", "Deepfakes"),
        HierarchicalLabel("fake", "FS", "", "FaceSwap"),
        HierarchicalLabel("real"),
    )
    assert {row.group for row in manifest} == {"ffpp-c23"}
    first = manifest.rows[0]
    assert first.path == Path("original_sequences/youtube/c23/frames/000/000.png")
    assert first.video == "ffpp-c23/youtube/000"


def test_one_name_is_one_video_for_each_method(root: Path, read) -> None:
    """Grouping by the folder's name would make four videos one."""
    manifest, _ = read(Ffpp(root=root))
    videos = {row.video for row in manifest if row.video.endswith("/000_003")}
    assert videos == {f"ffpp-c23/{method}/000_003" for method in METHODS}


def test_the_official_split(root: Path, read, splits) -> None:
    found = splits(read(Ffpp(root=root, methods=TWO))[0])
    for name, (a, b) in PAIRS.items():
        fakes = {f"{method}/{swap}" for method in TWO for swap in (f"{a}_{b}", f"{b}_{a}")}
        assert found[name] == {f"youtube/{a}", f"youtube/{b}"} | fakes


def test_the_audit_is_content(root: Path, read) -> None:
    """All images are alike here, so only duplicates are errors."""
    found = audit(read(Ffpp(root=root))[0]).errors
    assert {finding.code for finding in found} <= {
        "duplicate-in-two-labels",
        "duplicate-in-two-splits",
    }


def test_without_lists_the_split_is_drawn_with_swapped_people_together(root: Path, read) -> None:
    for name in PAIRS:
        (root / f"{name}.json").unlink()
    manifest, told = read(Ffpp(root=root))
    assert any("the split is drawn" in text for text in told)
    assert {row.split for row in manifest} == {""}
    identities = {row.video.rpartition("/")[2]: row.identity for row in manifest}
    assert identities["000"] == identities["003"] == identities["003_000"] == "ffpp/000"
    assert identities["870"] == "ffpp/001"
    drawn = assign_splits(manifest, (0.34, 0.33, 0.33), seed=0)
    together: dict[str, set[str]] = {}
    for row in drawn:
        together.setdefault(row.identity, set()).add(row.split)
    assert sorted(map(len, together.values())) == [1, 1, 1]


def test_frames_are_evenly_spaced(root: Path, make_videos, read) -> None:
    for method in METHODS:
        make_videos(root / "manipulated_sequences" / method / "c40", "000_003", frames=2)
    make_videos(root / "original_sequences/youtube/c40", "000", "003", frames=12)
    for name in PAIRS:
        (root / f"{name}.json").unlink()
    manifest, _ = read(Ffpp(root=root, compression="c40", frames=3))
    found = [row.path.name for row in manifest if row.video == "ffpp-c40/youtube/003"]
    assert found == ["002.png", "006.png", "010.png"]
    assert sum(row.video == "ffpp-c40/FaceSwap/000_003" for row in manifest) == 2


def test_actors_come_with_their_method(root: Path, make_videos, read) -> None:
    make_videos(root / "original_sequences/actors/c23", "01__hugging", "02__hugging")
    make_videos(root / "manipulated_sequences/DeepFakeDetection/c23", "01_02__hugging__YVGY8LOK")
    manifest, _ = read(Ffpp(root=root, methods=("DeepFakeDetection",)))
    assert {row.identity for row in manifest} == {"dfd/01"}
    assert {row.split for row in manifest} == {""}


class TestFaults:
    def test_the_root(self, root: Path, refusal) -> None:
        text = refusal(Ffpp(root=root / "FF+"))
        assert "FF+: there is no such folder; wanted: the folder of ffpp" in text
        assert "original_sequences/" in text

    def test_a_missing_method_names_what_is_there(self, root: Path, refusal) -> None:
        method = root / "manipulated_sequences/FaceSwap"
        method.rename(method.with_name("FaceSwp"))
        text = refusal(Ffpp(root=root))
        assert "manipulated_sequences/FaceSwap/c23: there is no such folder" in text
        assert "FaceSwp/" in text
        assert 'incomplete = "warn"' in text

    def test_a_missing_compression(self, root: Path, refusal) -> None:
        text = refusal(Ffpp(root=root, compression="c40"))
        assert text.count("there is no such folder") == 5
        assert "youtube holds: c23/" in text

    def test_what_is_there_can_be_read_all_the_same(self, root: Path, read) -> None:
        method = root / "manipulated_sequences/FaceSwap"
        method.rename(method.with_name("FaceSwp"))
        manifest, told = read(Ffpp(root=root, incomplete="warn"))
        assert len(manifest) == 3 * (6 + 3 * 6)
        assert any("FaceSwp/ is not part of the layout and is left out" in text for text in told)
        assert any("did you mean 'FaceSwap'?" in text for text in told)
        assert any("manipulated_sequences/FaceSwap" in text for text in told)

    def test_an_empty_video(self, root: Path, refusal) -> None:
        folder = root / "manipulated_sequences/Deepfakes/c23/frames/000_003"
        for file in folder.iterdir():
            file.unlink()
        assert f"video ffpp-c23/Deepfakes/000_003 is empty: no image in {folder}" in refusal(
            Ffpp(root=root)
        )

    def test_a_list_that_names_an_absent_video(self, root: Path, refusal) -> None:
        (root / "val.json").write_text('[["001", "870"], ["111", "094"]]')
        text = refusal(Ffpp(root=root, methods=("Deepfakes",)))
        assert "original_sequences/youtube, names 2 videos that are not there: 094, 111" in text
        assert "Deepfakes, names 2 videos that are not there: 111_094, 094_111" in text

    def test_one_list_of_three(self, root: Path, refusal) -> None:
        (root / "val.json").unlink()
        assert "val.json is missing, beside train, test" in refusal(Ffpp(root=root))

    @pytest.mark.parametrize("content", ["[", '{"a": 1}', '[["1"]]', "[[1, 2]]"])
    def test_lists_of_something_else(self, root: Path, refusal, content: str) -> None:
        (root / "val.json").write_text(content)
        assert "val.json: " in refusal(Ffpp(root=root))

    def test_nothing_at_all(self, tmp_path: Path, refusal) -> None:
        text = refusal(Ffpp(root=tmp_path, incomplete="warn"))
        assert "no frame of any video is there" in text
        assert "holds: nothing" in text


def further(manifest, video: str) -> list[dict[str, str]]:
    return [dict(row.further) for row in manifest if row.video == f"ffpp-c23/{video}"]


def test_a_fake_names_the_frame_of_its_target(root: Path, read) -> None:
    """The target is the first of the two, though both are one identity and have such a frame."""
    manifest, _ = read(Ffpp(root=root, methods=TWO))
    youtube = "original_sequences/youtube/c23/frames"
    for name in ("000_003", "003_000"):
        wanted = [{"counterpart": f"{youtube}/{name[:3]}/{n:03}.png"} for n in range(3)]
        assert further(manifest, f"Face2Face/{name}") == wanted
    assert further(manifest, "youtube/000") == [{}, {}, {}]


def test_a_frame_that_the_target_lacks_has_none(root: Path, read) -> None:
    (root / "original_sequences/youtube/c23/frames/000/001.png").unlink()
    manifest, _ = read(Ffpp(root=root, methods=TWO))
    found = further(manifest, "Deepfakes/000_003")
    assert ["counterpart" in cells for cells in found] == [True, False, True]


def test_masks_where_they_lie_on_disk(root: Path, read, make_videos) -> None:
    masks = "manipulated_sequences/Deepfakes/masks"
    make_videos(root / masks, "000_003")
    manifest, told = read(Ffpp(root=root, methods=TWO))
    assert not told
    found = [cells.get("mask") for cells in further(manifest, "Deepfakes/000_003")]
    assert found == [f"{masks}/frames/000_003/{n:03}.png" for n in range(3)]
    assert all("mask" not in cells for cells in further(manifest, "Face2Face/000_003"))


def test_masks_in_video_files_are_extracted(root: Path, read, make_clip, tmp_path_factory) -> None:
    part = Ffpp(root=root, methods=TWO, cache=tmp_path_factory.mktemp("cache"), frames=2)
    make_clip(root / "manipulated_sequences/Deepfakes/masks/videos/000_003.avi", 3)
    _, told = read(part)
    assert any("1 videos of masks have no extracted frames" in text for text in told)
    part.prepare(BuildContext())
    manifest, told = read(part)
    assert not told
    found = further(manifest, "Deepfakes/000_003")
    assert [Path(cells["mask"]).name for cells in found] == ["000000.png", "000002.png"]
    assert all((manifest.root / cells["mask"]).is_file() for cells in found)


def test_the_real_videos_of_actors(tmp_path: Path, read, make_videos) -> None:
    make_videos(tmp_path / "original_sequences/actors/c23", "01__walking", "02__walking")
    fake = "01_02__walking__ABCDEFGH"
    make_videos(tmp_path / "manipulated_sequences/DeepFakeDetection/c23", fake)
    manifest, _ = read(Ffpp(root=tmp_path, methods=("DeepFakeDetection",)))
    found = further(manifest, f"DeepFakeDetection/{fake}")
    assert {Path(cells["counterpart"]).parent.name for cells in found} == {"01__walking"}
