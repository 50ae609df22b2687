import os
from pathlib import Path

import pytest

from mfclip.data.finding import walk_images
from mfclip.data.images import ImageStatus, decode, find_images
from mfclip.errors import UsageError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = (
        "b.JPG",
        "a.png",
        "notes.txt",
        "sub/c.webp",
        "sub/deep/d.bmp",
        ".hidden/e.png",
        "._a.png",
    )
    for name in names:
        file = tmp_path / "faces" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "faces"


def found(*patterns: str) -> list[str]:
    return [path.as_posix() for path in find_images(patterns)]


def test_a_folder_gives_its_images_sorted(tree: Path) -> None:
    expected = ["faces/a.png", "faces/b.JPG", "faces/sub/c.webp", "faces/sub/deep/d.bmp"]
    assert found("faces") == expected
    assert found("faces/") == expected


def test_files_are_given_as_they_are(tree: Path) -> None:
    assert found("faces/notes.txt", "faces/a.png") == ["faces/notes.txt", "faces/a.png"]


def test_a_missing_file_is_given_and_reported_later(tree: Path) -> None:
    (path,) = find_images(["faces/no.png"])
    with pytest.raises(Exception, match="missing") as caught:
        decode(path)
    assert caught.value.status is ImageStatus.MISSING  # type: ignore[attr-defined]


def test_globs_give_what_they_match_sorted(tree: Path) -> None:
    assert found("faces/*.png") == ["faces/a.png"]
    assert found("faces/?.*") == ["faces/a.png", "faces/b.JPG"]
    assert found("faces/**/*.webp", "faces/[b].JPG") == ["faces/sub/c.webp", "faces/b.JPG"]


def test_a_glob_walks_the_folders_it_matches_once(tree: Path) -> None:
    assert found("faces/su*") == ["faces/sub/c.webp", "faces/sub/deep/d.bmp"]
    assert found("faces/sub/**") == ["faces/sub/c.webp", "faces/sub/deep/d.bmp"]


def test_names_with_glob_characters_are_taken_literally(tree: Path) -> None:
    (tree / "[1].png").touch()
    assert found("faces/[1].png") == ["faces/[1].png"]


@pytest.mark.parametrize("pattern", ["faces/*.gif", "nowhere/**/*.png", "empty"])
def test_what_matches_nothing_is_an_error_before_the_first_path(tree: Path, pattern: str) -> None:
    (tree.parent / "empty").mkdir()
    with pytest.raises(UsageError, match="check the spelling"):
        find_images(["faces/a.png", pattern])


def test_links_are_followed_but_not_in_circles(tree: Path) -> None:
    (tree / "sub" / "back").symlink_to(tree)
    (tree / "linked").symlink_to(tree / "sub" / "deep")
    assert found("faces") == [
        "faces/a.png",
        "faces/b.JPG",
        "faces/linked/d.bmp",
        "faces/sub/c.webp",
        "faces/sub/deep/d.bmp",
    ]


def test_a_folder_that_cannot_be_listed_becomes_an_unreadable_path(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if folder.name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    paths = list(walk_images(tree))
    assert paths[-1] == tree / "sub"
    with pytest.raises(Exception, match="unreadable"):
        decode(paths[-1])


def test_no_patterns_give_no_paths() -> None:
    assert found() == []
