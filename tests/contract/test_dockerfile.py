"""The Dockerfile's steps, as far as they can be tried without a builder."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from typer.main import get_command

from mfclip.cli.app import command_tree
from mfclip.serving.routes import open_routes, routes
from mfclip.serving.tokens import Tokens, require_tokens

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
SERVE = get_command(command_tree()).commands["serve"]


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
    copied = {word for line in of("COPY") for word in line.split()[:-1]}
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    built = {package.split("/")[0] for package in packages}
    assert built <= copied
    assert PROJECT["readme"] in copied


def test_a_wheel_can_be_built_from_what_is_copied(tmp_path: Path) -> None:
    """In a folder that holds exactly that, links as links, as the builder has it."""
    for line in of("COPY"):
        *sources, target = line.split()
        if line.startswith("--from"):
            continue
        for name in sources:
            place = tmp_path / (name if target == "./" else target)
            if (ROOT / name).is_dir():
                unmade = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, place, symlinks=True, ignore=unmade)
            else:
                shutil.copy(ROOT / name, place)
    (built,) = WheelBuilder(str(tmp_path)).build(
        directory=str(tmp_path / "dist"), versions=["standard"]
    )
    wheel = zipfile.ZipFile(built)
    names = set(wheel.namelist())
    modules = {
        path.relative_to(ROOT / room).as_posix()
        for room in ("core", "plugins")
        for path in (ROOT / room).rglob("*.py")
    }
    assert len(modules) > 100
    assert modules <= names
    assert {f"mfclip/serving/{name}" for name in ("page.html.j2", "static/page.js")} <= names
    assert wheel.read("mfclip/registry.toml") == (ROOT / "registry.toml").read_bytes()


def test_it_installs_what_the_tests_run_with() -> None:
    (install,) = (line for line in of("RUN") if "pip install" in line)
    words = shlex.split(install)
    file = words[words.index("--constraint") + 1]
    assert (ROOT / file).is_file()
    before = LINES[: LINES.index(f"RUN {install}")]
    assert any(line.startswith("COPY ") and file in line.split() for line in before)
    assert "--index-url" not in install


def test_its_extras_exist_and_hold_the_service() -> None:
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", "\n".join(LINES))
    assert "serve" in extras.split(",")
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()


def test_it_runs_as_a_user_without_rights() -> None:
    (user,) = of("USER")
    assert int(user) >= 1000
    (made,) = (line for line in of("RUN") if "useradd" in line)
    assert f"--uid {user} " in made
    last = max(place for place, line in enumerate(LINES) if line.startswith("FROM "))
    entry = next(place for place, line in enumerate(LINES) if line.startswith("ENTRYPOINT "))
    assert last < LINES.index(f"USER {user}") < entry


def test_its_words_are_understood() -> None:
    (entry,), (words,) = map(json.loads, of("ENTRYPOINT")), map(json.loads, of("CMD"))
    assert entry == ["mfclip", "serve"]
    assert entry[0] in PROJECT["scripts"]
    given = SERVE.make_context("serve", list(words)).params
    assert [str(bundle) for bundle in given["bundles"]] == ["/bundle"]
    assert given["host"] == "0.0.0.0"
    assert given["token_file"] == Path("/tokens")
    require_tokens(given["host"], Tokens((b"",)), without=given["without_tokens"])


def test_words_that_it_would_not_understand_are_found() -> None:
    with pytest.raises(Exception, match="--hosts"):
        SERVE.make_context("serve", ["/bundle", "--hosts", "0.0.0.0"])


def test_the_port_is_the_services() -> None:
    (port,) = of("EXPOSE")
    (words,) = map(json.loads, of("CMD"))
    assert SERVE.make_context("serve", list(words)).params["port"] == int(port)
    (asked,) = re.findall(r"127\.0\.0\.1:(\d+)", "\n".join(of("HEALTHCHECK")))
    assert asked == port


def test_the_health_check_asks_what_needs_no_token() -> None:
    (path,) = re.findall(r"127\.0\.0\.1:\d+(/\w+)", "\n".join(of("HEALTHCHECK")))
    assert path in {route.path for route in open_routes.routes}
    assert path not in {route.path for route in routes.routes}
    (line,) = of("HEALTHCHECK")
    program, option, code = json.loads(line.partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert path == "/readyz"  # 503 once the service is about to end
