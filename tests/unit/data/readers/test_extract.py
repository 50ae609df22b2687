from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.errors import DataError, MissingExtraError
from mfclip.parts import BuildContext
from mfclip_data import extract
from mfclip_data.readers import CelebDf

MakeClip = Callable[..., None]
LIST = "1 Celeb-real/id0_0000.mp4\n1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"


def greys(folder: Path) -> dict[str, int]:
    """The mean of each frame, a fifth of which is its place in the video."""
    return {
        file.name: round(float(np.asarray(Image.open(file)).mean()) / 5)
        for file in sorted(folder.glob("*.png"))
    }


def test_the_right_frames_are_saved(tmp_path: Path, make_clip: MakeClip) -> None:
    make_clip(tmp_path / "v.mp4", 50)
    extract.save_frames(tmp_path / "v.mp4", tmp_path, 4)
    assert greys(tmp_path) == {
        "000006.png": 6,
        "000018.png": 18,
        "000031.png": 31,
        "000043.png": 43,
    }


def test_a_miscounted_video_is_read_again(
    tmp_path: Path, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip(tmp_path / "v.mp4", 20)
    monkeypatch.setattr(extract, "_count", lambda file: 60)
    extract.save_frames(tmp_path / "v.mp4", tmp_path, 2)
    assert greys(tmp_path) == {"000005.png": 5, "000015.png": 15}


@pytest.fixture
def part(tmp_path: Path, make_clip: MakeClip, make_videos) -> CelebDf:
    """Two video files, and one video that lies extracted."""
    root = tmp_path / "Celeb-DF"
    make_clip(root / "Celeb-real/id0_0000.mp4", 12)
    make_clip(root / "Celeb-synthesis/videos/id0_id1_0000.mp4", 2)
    make_videos(root / "YouTube-real", "00170", frames=7)
    (root / "List_of_testing_videos.txt").write_text(LIST)
    return CelebDf(root=root, cache=tmp_path / "cache", frames=3)


def test_extracted_once_then_listed(part: CelebDf, read, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    context = BuildContext(progress=lambda done, total: steps.append((done, total)))
    part.prepare(context)
    assert steps == [(1, 2), (2, 2)]
    manifest, _ = read(part)
    by_video: dict[str, list[str]] = {}
    for row in manifest:
        by_video.setdefault(row.video.rpartition("/")[2], []).append(row.path.name)
    assert by_video == {
        "id0_0000": ["000002.png", "000006.png", "000010.png"],
        "id0_id1_0000": ["000000.png", "000001.png"],
        "00170": ["001.png", "003.png", "005.png"],
    }
    assert all(file.is_file() for file in manifest.files())
    cached = [file for file in manifest.files() if tmp_path / "cache" in file.parents]
    assert len(cached) == 5
    part.prepare(context)
    assert len(steps) == 2


def test_a_changed_video_is_extracted_again(part: CelebDf, refusal, make_clip: MakeClip) -> None:
    part.prepare(BuildContext())
    make_clip(part.root / "Celeb-real/id0_0000.mp4", 30)
    assert "1 videos have no extracted frames" in refusal(part)
    part.prepare(BuildContext())
    assert part.build(BuildContext()).rows[0].path.name == "000005.png"


def test_another_number_of_frames_is_another_cache(part: CelebDf, refusal) -> None:
    part.prepare(BuildContext())
    assert "have no extracted frames" in refusal(part.model_copy(update={"frames": 2}))


def test_broken_videos_are_all_named_and_the_others_kept(part: CelebDf, refusal) -> None:
    broken = part.root / "Celeb-synthesis/videos/id0_id1_0000.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(DataError, match="not-a-film") as caught:
        part.prepare(BuildContext())
    assert str(broken) in str(caught.value)
    assert "1 videos have no extracted frames: celeb-df-v2/Celeb-synthesis" in refusal(part)


def test_what_is_missing_is_told_before_anything_is_extracted(part: CelebDf) -> None:
    (part.root / "List_of_testing_videos.txt").unlink()
    with pytest.raises(DataError, match="List_of_testing_videos"):
        part.prepare(BuildContext())
    assert not part.cache.exists()


def test_without_pyav(part: CelebDf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"mfclip\[video\]"):
        part.prepare(BuildContext())


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path))
    assert extract.default_cache() == tmp_path / "frames"
    monkeypatch.delenv("MFCLIP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert extract.default_cache() == tmp_path / "mfclip/frames"
