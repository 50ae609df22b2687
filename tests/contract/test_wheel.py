"""What a user gets from the wheel and the sdist."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "mfclip",
    "mfclip_clip",
    "mfclip_corruptions",
    "mfclip_pseudo",
    "mfclip_baselines",
    "mfclip_faces",
    "mfclip_sample",
    "mfclip_data",
    "mfclip_losses",
    "mfclip_spa",
    "mfclip_text",
    "mfclip_vision",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(built)


def test_only_our_packages_are_importable(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert tops == PACKAGES


def test_data_files_are_inside(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    wanted = ("registry.toml", "pages/base.html.j2", "pages/page.css")
    assert {f"mfclip/{name}" for name in wanted} <= names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert wheel.read("mfclip/registry.toml") == (ROOT / "registry.toml").read_bytes()


def test_every_template_of_a_new_plugin_is_inside(wheel: zipfile.ZipFile) -> None:
    templates = ROOT / "core/mfclip/scaffold/templates"
    files = [path for path in templates.rglob("*") if path.is_file()]
    assert len(files) > 40
    assert {path.relative_to(ROOT / "core").as_posix() for path in files} <= set(wheel.namelist())


def test_every_module_is_inside(wheel: zipfile.ZipFile) -> None:
    sources = {
        path.relative_to(ROOT / folder).as_posix()
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(sources) > 100
    assert sources <= set(wheel.namelist())


def test_every_plugin_has_its_entry_point(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    for package in PACKAGES - {"mfclip"}:
        assert f"{package} = {package}.plugin" in text


def test_sdist_holds_the_registry_as_a_file(tmp_path: Path) -> None:
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"registry.toml", "core/mfclip/registry.toml", "mfclip.toml", "LICENSE"} <= names
