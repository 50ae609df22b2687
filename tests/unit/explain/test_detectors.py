from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.errors import UsageError
from mfclip.explain.detectors import load_all, names_of


def test_detectors_are_called_by_their_folders_and_never_alike():
    folders = [Path("runs/a"), Path("old/a"), Path("runs/b"), Path("a/")]
    assert names_of(folders) == ["a", "a#2", "b", "a#3"]


def test_no_more_than_the_page_has_room_for():
    with pytest.raises(UsageError, match="at most 6 detectors fit side by side, got 7"):
        load_all([Path("a")] * 7, device="cpu", registry=None)
