"""``mfclip new-plugin`` from outside: what it makes installs, passes its own tests and types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from mfclip.parts import KINDS
from mfclip.scaffold.kinds import template_of
from mfclip.scaffold.names import parse_name
from mfclip.scaffold.render import render
from mfclip.scaffold.write import new_plugin


def test_help_loads_neither_torch_nor_jinja() -> None:
    program = (
        "import sys; sys.argv = ['mfclip', 'new-plugin', '--help']\n"
        "from mfclip.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('heavy:', [m for m in ('torch', 'jinja2', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "encoder|prompts|alignment|loss|detector|dataset|corruption" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stdout + done.stderr


def test_it_says_what_there_is_and_what_to_do(command, tmp_path: Path) -> None:
    done = command("mfclip", "new-plugin", "acme-loss", "--kind", "loss", cwd=tmp_path)
    files = sum(path.is_file() for path in (tmp_path / "acme-loss").rglob("*"))
    assert done.stdout == (
        f"wrote acme-loss: loss 'acme-focal', {files} files\n"
        "next:\n"
        "  cd acme-loss\n"
        "  python -m pip install -e '.[test]'\n"
        "  python -m pytest\n"
        "and in a recipe (recipe.toml is one):\n"
        "  [[loss]]\n"
        '  use = "acme-focal"\n'
        "  gamma = 2.0\n"
    )


def test_a_folder_with_blanks_can_be_pasted(command, tmp_path: Path) -> None:
    words = ("new-plugin", "acme-blur", "--kind", "corruption", "--out", "my plugins")
    done = command("mfclip", *words, cwd=tmp_path)
    assert "  cd 'my plugins/acme-blur'\n" in done.stdout
    assert "recipe" not in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("acme-loss", "--kind", "los"), "no kind of part is called 'los'; did you mean 'loss'?"),
        (("Acme", "--kind", "loss"), "did you mean 'acme'?"),
        (("mfclip", "--kind", "loss"), "belong to the framework"),
        (("clip-loss", "--kind", "loss"), "the prefix 'clip' is taken"),
    ],
)
def test_a_mistake_ends_with_code_2_and_writes_nothing(command, tmp_path: Path, words, told):
    done = command("mfclip", "new-plugin", *words, cwd=tmp_path, code=2)
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new package of every kind, ``acme-KIND``."""
    folder = tmp_path_factory.mktemp("packages")
    for kind in KINDS:
        new_plugin(f"acme-{kind}", kind, folder)
    return folder


@pytest.fixture(scope="module")
def site(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them installed from their wheels into a folder for ``PYTHONPATH``."""
    folder = tmp_path_factory.mktemp("site")
    for package in packages.iterdir():
        built = WheelBuilder(str(package)).build(
            directory=str(folder / "wheels"), versions=["standard"]
        )
        zipfile.ZipFile(next(iter(built))).extractall(folder)
    return folder


@pytest.mark.slow
def test_every_kind_passes_its_own_tests_straight_away(packages: Path, site: Path) -> None:
    words = ("-rA", "--import-mode=importlib", "-p", "no:cacheprovider", "-c", os.devnull)
    tests = [f"acme-{kind}/tests" for kind in KINDS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--rootdir", packages, *tests],
        capture_output=True,
        text=True,
        cwd=packages,
        env=os.environ | {"PYTHONPATH": str(site)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in KINDS:
        passed = re.findall(rf"^PASSED acme-{kind}/tests/(\w+)\.py::(.+)$", done.stdout, re.M)
        module = template_of(kind).module
        assert {file for file, _ in passed} == {"test_contract", "test_plugin", f"test_{module}"}
        checks = [name for file, name in passed if file == "test_contract"]
        assert len(checks) >= 5, f"{kind}: only {checks}"


@pytest.mark.slow
def test_every_kind_is_clean_under_strict_mypy(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """All kinds as one project, so that torch is read once; a second run takes the cache."""
    for kind in KINDS:
        for path, data in render(parse_name(f"acme-{kind}"), template_of(kind)).items():
            if path == "pyproject.toml" or path.endswith(".py"):
                # Two modules of one name cannot be checked together.
                file = tmp_path / path.replace(
                    "tests/test_", f"tests/test_{kind.replace('-', '_')}_"
                )
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("new-plugin-mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", cache],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == f"Success: no issues found in {7 * len(KINDS)} source files\n"
