"""Data sets of third parties in the commands: without a folder, and failing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mfclip.cli.app import command_tree
from mfclip.data.manifest import read_manifest
from mfclip.errors import PluginError, UsageError

SOURCE = '''
from pathlib import Path
from typing import Literal
from mfclip import hookimpl
from mfclip.parts import Dataset

class AcmeSet(Dataset):
    """Images of a service, by key."""
    use: Literal["acme-set"] = "acme-set"
    key: str = ""
    """Key."""
    def prepare(self, context):
        if self.key == "unprepared":
            raise ValueError("no such service")
    def build(self, context):
        from mfclip.data.labels import HierarchicalLabel
        from mfclip.data.manifest import Manifest, Row
        if self.key == "wrong":
            return {}["absent"]
        if self.key == "list":
            return []
        real, fake = HierarchicalLabel("real"), HierarchicalLabel("fake")
        return Manifest(Path(self.key), (Row(Path("a.png"), real), Row(Path("b.png"), fake)))

class AcmeRooted(AcmeSet):
    """Images of a folder."""
    use: Literal["acme-rooted"] = "acme-rooted"
    root: Path
    """Folder."""
    def build(self, context):
        return AcmeSet(key=str(self.root)).build(context)

class AcmeHome(AcmeRooted):
    """Images of a folder that has a default."""
    use: Literal["acme-home"] = "acme-home"
    root: Path = Path("home")
    """Folder."""

@hookimpl
def mfclip_datasets():
    return [AcmeSet, AcmeRooted, AcmeHome]
'''
OWNER = "dataset 'acme-set' of plugin 'acme' (acme 0.1, "


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install_plugin) -> Path:
    install_plugin(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(*words: object) -> Result:
    return CliRunner().invoke(command_tree(), ["data", *map(str, words)])


def imported(*words: str) -> Result:
    return data("import", *words, "--out", "m.csv")


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["acme-set", "--set", "key=pictures"], "pictures"),
        (["acme-rooted", "faces"], "faces"),
        (["acme-rooted", "--set", "root=faces"], "faces"),
        (["acme-home", "faces"], "faces"),
        (["acme-home"], "home"),
    ],
)
def test_a_data_set_is_imported_by_its_own_settings(place: Path, words, folder: str) -> None:
    done = imported(*words)
    assert done.exit_code == 0, done.output
    files = [row.path for row in read_manifest(Path("m.csv"))]
    assert files == [Path(folder, name) for name in ("a.png", "b.png")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["acme-set", "faces"], "'acme-set' takes no folder, got 'faces'"),
        (
            ["acme-set", "faces"],
            "'acme-set': split, split_seed, reencode, findings, key",
        ),
        (["acme-rooted"], "'acme-rooted' needs its folder: mfclip data import acme-rooted FOLDER"),
        (["acme-rooted", "faces", "--set", "root=x"], "the folder of 'acme-rooted' is given twice"),
    ],
)
def test_a_folder_too_many_or_too_few_is_refused(words, told: str) -> None:
    done = imported(*words)
    assert isinstance(done.exception, UsageError)
    assert told in str(done.exception)


def recipe(key: str) -> Path:
    file = Path("r.toml")
    data = f'data = {{ use = "acme-set", key = "{key}" }}'
    file.write_text(f'recipe = 1\nassembly = "cvit-small"\n{data}\ntraining.epochs = 1\n')
    return file


@pytest.mark.parametrize("command", ["check", "stats"])
@pytest.mark.parametrize(("key", "told"), [("wrong", "KeyError: 'absent'"), ("list", "type list")])
def test_a_failing_data_set_of_a_recipe_is_named(command: str, key: str, told: str) -> None:
    failed = data(command, recipe(key))
    assert isinstance(failed.exception, PluginError)
    assert OWNER in str(failed.exception)
    assert told in str(failed.exception)


@pytest.mark.parametrize(
    ("key", "told"),
    [("wrong", "could not be built: KeyError"), ("unprepared", "could not be prepared: ValueErr")],
)
def test_a_failing_import_names_the_part(key: str, told: str) -> None:
    failed = imported("acme-set", "--set", f"key={key}")
    assert isinstance(failed.exception, PluginError)
    assert OWNER in str(failed.exception)
    assert told in str(failed.exception)
    assert not Path("m.csv").exists()


def test_a_recipe_without_data_has_nothing_to_check() -> None:
    Path("r.toml").write_text('recipe = 1\nassembly = "cvit-small"\n')
    failed = data("check", "r.toml")
    assert isinstance(failed.exception, UsageError)
    assert "the recipe 'r' has no [data]" in str(failed.exception)


def test_another_part_in_the_place_of_the_folder_reader_is_named() -> None:
    from mfclip.building.reading import dataset_of
    from mfclip.plugins.discovery import discover

    offer = discover().get("dataset", "acme-set")
    assert offer is not None
    with pytest.raises(PluginError, match="used here with `root`, which it does not") as failed:
        dataset_of(offer, root=Path("faces"))
    assert "dataset 'acme-set' of plugin 'acme' (acme 0.1)" in str(failed.value)
