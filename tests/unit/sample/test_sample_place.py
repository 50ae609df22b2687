import json
import os
import time
from pathlib import Path

import pytest

from mfclip.errors import DataError
from mfclip_sample.place import (
    FORGOTTEN,
    STAMP,
    Stamp,
    appearing,
    is_finished,
    sample_folder,
)
from mfclip_sample.plan import VERSION

THIS = Stamp(12, 64, 0)


def make(folder: Path, stamp: Stamp = THIS) -> None:
    with appearing(folder, stamp) as partial:
        (partial / "picture").write_text("drawn")


def test_cache_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = f"sample-v{VERSION}-600x224px-seed3"
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert sample_folder(600, 224, 3) == tmp_path / "own" / name
    monkeypatch.delenv("MFCLIP_CACHE")
    assert sample_folder(600, 224, 3) == tmp_path / "xdg" / "mfclip" / name
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert sample_folder(600, 224, 3) == tmp_path / "home" / ".cache" / "mfclip" / name


def test_the_folder_appears_whole_with_its_stamp(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "set"
    with appearing(folder, THIS) as partial:
        (partial / "picture").write_text("drawn")
        assert not folder.exists()
    assert (folder / "picture").read_text() == "drawn"
    assert json.loads((folder / STAMP).read_text())["synthetic"] is True
    assert is_finished(folder, THIS)
    assert [entry.name for entry in folder.parent.iterdir()] == ["set"]


def test_the_folder_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    make(tmp_path / "set")
    assert (tmp_path / "set").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_nothing_appears_when_the_block_fails(tmp_path: Path, reason: type[BaseException]) -> None:
    with pytest.raises(reason), appearing(tmp_path / "set", THIS):
        raise reason
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert not is_finished(tmp_path / "set", THIS)
    make(tmp_path / "set")
    assert is_finished(tmp_path / "set", THIS)


def test_other_contents_are_never_overwritten(tmp_path: Path) -> None:
    make(tmp_path / "set", Stamp(12, 64, 1))
    with pytest.raises(DataError, match=r"'seed': 1.*'seed': 0.*choose another folder"):
        is_finished(tmp_path / "set", THIS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "holiday.jpg").touch()
    with pytest.raises(DataError, match="something else than a sample set"):
        is_finished(tmp_path / "mine", THIS)


def test_the_first_of_two_makers_wins(tmp_path: Path) -> None:
    with appearing(tmp_path / "set", THIS) as partial:
        (partial / "late").touch()
        make(tmp_path / "set")
    assert sorted(entry.name for entry in (tmp_path / "set").iterdir()) == ["picture", STAMP]
    assert len(list(tmp_path.iterdir())) == 1


def test_leftovers_of_killed_runs_are_swept_and_others_kept(tmp_path: Path) -> None:
    old, young = tmp_path / ".set.dead.partial", tmp_path / ".set.alive.partial"
    other = tmp_path / ".elsewhere.dead.partial"
    for folder in (old, young, other):
        folder.mkdir()
    past = time.time() - FORGOTTEN - 60
    os.utime(old, (past, past))
    os.utime(other, (past, past))
    make(tmp_path / "set")
    assert not old.exists()
    assert young.exists()
    assert other.exists()
