from collections.abc import Callable
from dataclasses import replace

import pytest

from mfclip.data.audit.videos import check_videos
from mfclip.data.manifest import Manifest

Rows = Callable[..., Manifest]
Codes = Callable[..., list[str]]


def in_videos(manifest: Manifest, *names: str) -> Manifest:
    pairs = zip(manifest.rows, names, strict=True)
    return replace(manifest, rows=tuple(replace(row, video=name) for row, name in pairs))


def test_stills_and_sound_videos_are_fine(rows: Rows) -> None:
    manifest = rows("real train", "fake train", "fake train", "real test", "fake test")
    assert not list(check_videos(manifest))
    assert not list(check_videos(in_videos(manifest, "a", "b", "b", "", "")))


def test_a_video_in_two_splits(rows: Rows, codes: Codes) -> None:
    manifest = in_videos(rows("real train", "real test", "real", "real test"), "a", "a", "a", "b")
    found = list(check_videos(manifest))
    assert codes(found) == ["error video-in-two-splits"]
    assert found[0].message == "1 video in two splits or more: a (test, train)"


def test_a_video_with_two_labels_is_told_once(rows: Rows, codes: Codes) -> None:
    """As when the ids are names of folders: 000_003 is of four manipulations."""
    manifest = in_videos(rows("real train x g", "fake train y h"), "000_003", "000_003")
    (found,) = check_videos(manifest)
    assert codes([found]) == ["error video-with-two-labels"]
    assert "000_003 (fake, real)" in found.message
    assert "Deepfakes/000_003" in found.advice


@pytest.mark.parametrize("column", ["forgery", "family", "generator"])
def test_an_id_of_two_manipulations(rows: Rows, codes: Codes, column: str) -> None:
    manifest = in_videos(rows("fake train", "fake train"), "000_003", "000_003")
    first, second = manifest.rows
    changed = replace(first, label=replace(first.label, **{column: "Face2Face"}))
    (found,) = check_videos(replace(manifest, rows=(changed, second)))
    assert codes([found]) == [f"error video-with-two-{column}"]
    assert found.examples == ("000_003 (none, Face2Face)",)


def test_groups_and_identities(rows: Rows, codes: Codes) -> None:
    manifest = in_videos(rows("fake train x c23", "fake train y c40"), "v", "v")
    assert codes(check_videos(manifest)) == [
        "error video-with-two-group",
        "error video-with-two-identity",
    ]
