"""The text of every file, for every kind and for names that stretch the lines."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mfclip import __version__
from mfclip.hookspecs import HOOKS, VERSION
from mfclip.parts import KINDS
from mfclip.scaffold.kinds import template_of
from mfclip.scaffold.names import LONGEST, LONGEST_PREFIX, parse_name
from mfclip.scaffold.render import render, render_fragment

WORD = "b" * LONGEST_PREFIX
NAMES = ("x", "acme-encoder", WORD, f"{WORD}-".ljust(LONGEST, "c"))


def rendered(kind: str, name: str = "acme-encoder") -> dict[str, str]:
    """Text of each file, binary ones left out."""
    files = render(parse_name(name), template_of(kind))
    return {path: data.decode() for path, data in files.items() if not path.endswith(".png")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(kind):
    module = template_of(kind).module
    expected = {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        ".gitignore",
        ".github/workflows/ci.yml",
        "src/acme_encoder/__init__.py",
        "src/acme_encoder/py.typed",
        "src/acme_encoder/plugin.py",
        "src/acme_encoder/parts.py",
        f"src/acme_encoder/{module}.py",
        "tests/test_contract.py",
        "tests/test_plugin.py",
        f"tests/test_{module}.py",
    }
    assert expected <= set(rendered(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_is_left(kind):
    for path, text in rendered(kind).items():
        own = text.replace("${{ matrix.python }}", "") if path.endswith("ci.yml") else text
        assert "{{" not in own, path
        assert "{%" not in own, path
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), path


@pytest.mark.parametrize("name", NAMES, ids=len)
def test_every_file_is_clean_under_ruff(name, tmp_path):
    for kind in KINDS:
        for path, text in rendered(kind, name).items():
            file = tmp_path / kind / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    assert len(list(tmp_path.rglob("*.py"))) == 7 * len(KINDS)
    ruff = Path(sys.executable).with_name("ruff")
    for words in (["check", "--no-cache"], ["format", "--check", "--diff", "--no-cache"]):
        done = subprocess.run([ruff, *words, "."], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_name_of_the_code_has_a_docstring_and_nothing_heavy_is_imported(kind):
    for path, text in rendered(kind).items():
        if not path.startswith("src/") or not path.endswith(".py"):
            continue
        tree = ast.parse(text)
        assert ast.get_docstring(tree), path
        if path.endswith(("plugin.py", "parts.py", "__init__.py")):
            imported = [n.module for n in tree.body if isinstance(n, ast.ImportFrom)]
            assert not {"torch", "numpy"} & {str(name).split(".")[0] for name in imported}, path


@pytest.mark.parametrize("kind", KINDS)
def test_the_plugin_states_hook_and_version(kind):
    tree = ast.parse(rendered(kind)["src/acme_encoder/plugin.py"])
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    assert [(ast.unparse(n)) for n in assigned] == [f"MFCLIP_HOOKS = {VERSION}"]
    (hook,) = (n.name for n in tree.body if isinstance(n, ast.FunctionDef))
    assert HOOKS[hook] == kind


def test_the_project_names_its_entry_point_and_this_framework():
    project = tomllib.loads(rendered("encoder")["pyproject.toml"])["project"]
    assert project["name"] == "acme-encoder"
    assert project["entry-points"] == {"mfclip": {"acme_encoder": "acme_encoder.plugin"}}
    major, minor = __version__.split(".")[:2]
    assert project["dependencies"] == [f"mfclip>={major}.{minor},<{int(major) + 1}"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_shows_the_tables_of_the_recipe(kind):
    names, files = parse_name("acme-encoder"), rendered(kind)
    fragment = render_fragment(names, template_of(kind))
    assert ("recipe.toml" in files) == bool(fragment) == template_of(kind).recipe
    if fragment:
        assert f"```toml\n{fragment}```\n" in files["README.md"]
        assert fragment in files["recipe.toml"]
        tables = tomllib.loads(files["recipe.toml"])
        assert 'use = "acme-' in fragment
        assert tomllib.loads(fragment).items() <= tables.items()
