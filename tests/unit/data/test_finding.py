import os
from pathlib import Path

import pytest

from mfclip.data.finding import require_all, walk_images
from mfclip.data.images import ImageStatus, decode, find_images
from mfclip.data.left_out import MAX_KINDS, LeftOut
from mfclip.errors import DataError, UsageError


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
    listdir = os.listdir

    def refuse(folder: Path) -> object:
        if folder.name == "sub":
            raise PermissionError(13, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    paths = list(walk_images(tree))
    assert paths[-1] == tree / "sub"
    with pytest.raises(Exception, match="unreadable"):
        decode(paths[-1])


def test_no_patterns_give_no_paths() -> None:
    assert found() == []


def test_everything_in_a_folder_is_given_or_counted(tree: Path) -> None:
    heads = {
        "photo": b"\x89PNG\r\n\x1a\n",
        "picture.dat": b"\xff\xd8\xff\xe0",
        "drawing": b"8BPS\0\1",
        "clip.mp4": b"\0\0\0\x18ftypisom\0\0\0\0isom",
        "paper.pdf": b"%PDF-1.7",
        "README": b"words",
    }
    for name, head in heads.items():
        (tree / name).write_bytes(head)
    for name in ("broken.avif", "e.gif", "f.TIFF", "g.jp2", "h.ico", "i.heic", "MORE.TXT"):
        (tree / name).touch()
    os.mkfifo(tree / "pipe")
    (tree / "nowhere").symlink_to(tree / "no")
    left_out = LeftOut()
    given = [path.name for path in find_images([str(tree)], left_out)]
    assert {"photo", "picture.dat", "drawing"} <= set(given)
    assert {"broken.avif", "e.gif", "f.TIFF", "g.jp2", "h.ico", "i.heic", "b.JPG"} <= set(given)
    assert left_out.counts == {
        ".txt": 2, "hidden": 2, ".mp4": 1, ".pdf": 1,
        "without extension": 1, "of no regular file": 2,
    }  # fmt: skip
    everything = sum(path.name != "e.png" and not path.is_dir() for path in tree.rglob("*"))
    assert len(given) + sum(left_out.counts.values()) == everything + 1  # and the hidden folder
    assert str(left_out).startswith("2 .txt, 2 hidden, 2 of no regular file, 1 .mp4")


def test_a_file_that_cannot_be_opened_might_be_an_image(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(path: Path, *words: object, **more: object) -> object:
        if path.name == "notes.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *words, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert "faces/notes.txt" in found("faces")


def test_strict_names_an_example_of_each_kind(tree: Path) -> None:
    with pytest.raises(DataError) as caught:
        require_all(["faces"])
    told = str(caught.value).splitlines()
    assert told[1:3] == ["  2 hidden, such as faces/._a.png", "  1 .txt, such as faces/notes.txt"]
    require_all(["faces/sub", "faces/notes.txt"])


def test_a_folder_without_images_says_what_is_in_it(tree: Path) -> None:
    (tree / "texts").mkdir()
    (tree / "texts" / "a.txt").touch()
    with pytest.raises(UsageError, match=r"holds no image .*left out: 1 \.txt"):
        find_images([str(tree / "texts")])


def test_any_number_of_extensions_is_counted_in_little_memory() -> None:
    left_out = LeftOut()
    for number in range(10 * MAX_KINDS):
        left_out.add(Path(f"a.{number}"))
    assert len(left_out.counts) == MAX_KINDS + 1
    assert sum(left_out.counts.values()) == 10 * MAX_KINDS
