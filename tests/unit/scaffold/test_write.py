from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.errors import UsageError
from mfclip.scaffold import write
from mfclip.scaffold.write import new_plugin


def test_the_folder_holds_what_is_told(tmp_path):
    made = new_plugin("acme-data", "dataset", tmp_path)
    assert made.folder == tmp_path / "acme-data"
    assert made.part == "acme-list"
    found = {p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file()}
    assert found == set(made.files)
    assert (made.folder / "tests/faces/a.png").read_bytes().startswith(b"\x89PNG")


def test_folders_above_are_made(tmp_path):
    assert new_plugin("acme-loss", "loss", tmp_path / "a" / "b").folder.is_dir()


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "acme-loss").mkdir()
    assert (new_plugin("acme-loss", "loss", tmp_path).folder / "pyproject.toml").is_file()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    precious = tmp_path / "acme-loss" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(UsageError, match=r"is a folder with something in it.*say --out FOLDER"):
        new_plugin("acme-loss", "loss", tmp_path)
    assert [p.name for p in precious.parent.iterdir()] == ["thesis.txt"]
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_folder_is_left_alone(make, tmp_path):
    place = tmp_path / "acme-loss"
    make(place)
    with pytest.raises(UsageError, match="is no folder"):
        new_plugin("acme-loss", "loss", tmp_path)
    assert place.is_file() or place.is_symlink()


def test_a_failure_in_between_leaves_nothing(tmp_path, monkeypatch):
    def half(*_: object) -> dict[str, object]:
        return {"first.txt": b"whole", "second.txt": "no bytes"}

    monkeypatch.setattr(write, "render", half)
    with pytest.raises(TypeError):
        new_plugin("acme-loss", "loss", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_in_use_is_refused_before_anything_is_written(tmp_path, install_plugin):
    source = """
        from typing import Literal

        from mfclip import Loss, hookimpl

        class Taken(Loss):
            '''A loss of somebody else.'''

            use: Literal["acme-focal"] = "acme-focal"

            def build(self, context):
                return None

        @hookimpl
        def mfclip_losses():
            return [Taken]
    """
    install_plugin(source, distribution="acme-first")
    with pytest.raises(UsageError, match="'acme-focal' belongs to plugin 'acme'"):
        new_plugin("acme-second", "loss", tmp_path / "out")
    assert not (tmp_path / "out").exists()
