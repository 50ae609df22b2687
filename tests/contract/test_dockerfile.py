"""The Dockerfile's steps, as far as they can be tried without a builder."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from typer.main import get_command

from mfclip.cli.app import command_tree

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()


def of(word: str) -> list[str]:
    """What stands behind an instruction, each time."""
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def test_everything_that_is_copied_is_there_and_let_in():
    copied = [
        word for line in of("COPY") if not line.startswith("--from") for word in line.split()[:-1]
    ]
    assert {"core", "plugins", "pyproject.toml", "registry.toml"} <= set(copied)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name


def test_what_the_package_is_built_from_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    copied = {word for line in of("COPY") for word in line.split()[:-1]}
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    built = {package.split("/")[0] for package in packages}
    assert built <= copied
    assert project["project"]["readme"] in copied


def test_its_extras_exist_and_hold_the_service():
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", "\n".join(LINES))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "serve" in extras.split(",")
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_it_runs_without_rights_and_with_tokens():
    (user,) = of("USER")
    assert int(user) >= 1000
    (entry,), (words,) = map(json.loads, of("ENTRYPOINT")), map(json.loads, of("CMD"))
    assert entry == ["mfclip", "serve"]
    command = get_command(command_tree()).commands["serve"]
    known = {name for one in command.params for name in one.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert "--token-file" in words
    assert LINES.index(f"USER {user}") < next(
        place for place, line in enumerate(LINES) if line.startswith("ENTRYPOINT")
    )
