"""The reference pages are what the program says now, and leave nothing of it out."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from mfclip import errors, hookspecs
from mfclip.cli.app import DEBUG_OPTION, INTERRUPTED, build_tree, command_tree
from mfclip.detector import protocols
from mfclip.discovery import discover
from mfclip.parts import BASES, KINDS
from mfclip.recipe.model import Recipe
from mfclip.recipe.settings import (
    EvaluationSettings,
    HeadSettings,
    PreprocessingSettings,
    TrainingSettings,
)
from mfclip.registry import read_registry

DOCS = Path(__file__).parents[2] / "docs"
RUN = (
    "import runpy, sys; sys.path.insert(0, sys.argv[1]); script = sys.argv[1] + '/generate.py';"
    "sys.argv = [script, '--check'];\n"
    "try: runpy.run_path(script, run_name='__main__')\n"
    "finally: print('torch' in sys.modules)"
)


def check(docs: Path) -> subprocess.CompletedProcess[str]:
    """``generate.py --check``; its output says at the end whether torch was imported."""
    return subprocess.run([sys.executable, "-c", RUN, docs], capture_output=True, text=True)


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or a higher one."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.M | re.S)
    assert found, f"no heading {heading!r}"
    return found[1]


def plain(text: str) -> str:
    """Text without markup and line breaks."""
    return " ".join(text.replace("&lt;", "<").replace("\\|", "|").replace("`", "").split())


def test_the_pages_are_up_to_date_and_made_without_torch():
    done = check(DOCS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"


def test_stale_and_missing_pages_are_named(tmp_path):
    docs = shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    with (docs / "reference" / "parts.md").open("a", encoding="utf-8") as stream:
        stream.write("more\n")
    (docs / "reference" / "errors.md").unlink()
    done = check(docs)
    assert done.returncode == 1
    assert re.findall(r"stale: docs/reference/(\w+\.md)", done.stderr) == ["parts.md", "errors.md"]
    assert not (docs / "reference" / "errors.md").exists()


@pytest.mark.parametrize("hook", hookspecs.HOOKS)
def test_a_hook_has_its_signature_meaning_and_kind(hook):
    function = getattr(hookspecs, hook)
    signature = str(inspect.signature(function)).replace("mfclip.parts.", "")
    found = section(page("hooks.md"), f"### {hook}")
    assert f"def {hook}{signature}: ..." in found
    assert plain(inspect.getdoc(function)) in plain(found)
    assert f"`{hookspecs.HOOKS[hook]}`" in section(page("hooks.md"), "## The hooks")


def test_the_contracts_of_all_kinds_are_described():
    text = page("hooks.md")
    assert set(BASES) == set(KINDS) == set(hookspecs.HOOKS.values())
    for base in BASES.values():
        assert plain(inspect.getdoc(base).partition("\n")[0]) in plain(text)
    classes = [c for c in vars(protocols).values() if getattr(c, "_is_protocol", False)]
    own = [c for c in classes if c.__module__ == protocols.__name__]
    assert len(own) >= 4
    for protocol in own:
        found = section(text, f"### {protocol.__name__}")
        for name in (name for name in vars(protocol) if not name.startswith("_")):
            assert re.search(rf"`{name}[:(]", found), f"{protocol.__name__}.{name}"


def test_every_part_is_described_with_every_field():
    text = page("parts.md")
    offers = [o for o in discover().offers if o.distribution == "mfclip"]
    assert len(offers) >= 15
    for kind in KINDS:
        assert f"Kind `{kind}`" in text
    for offer in offers:
        headings = re.findall(rf"^### .* `{offer.name}`$", text, re.M)
        described = [f for f in (section(text, h) for h in headings) if offer.plugin in f]
        assert len(described) == 1, offer.name
        for field in offer.schema.model_fields:
            assert f"`{field}`" in described[0] or field == "use", f"{offer.name}.{field}"
        assert offer.schema.paper in described[0]


def test_every_key_of_a_recipe_is_described():
    text = page("recipe.md")
    assert len(Recipe.model_fields) >= 14
    for name in Recipe.model_fields:
        assert f"| `{name}` |" in section(text, "## Keys and tables")
    tables = {
        "head": HeadSettings,
        "preprocessing": PreprocessingSettings,
        "training": TrainingSettings,
        "evaluation": EvaluationSettings,
    }
    for name, schema in tables.items():
        for key in schema.model_fields:
            assert f"| `{key}` |" in section(text, f"## [{name}]")
    assert set(re.findall(r"^## \[(\w+)\]$", text, re.M)) == set(tables)


def test_every_assembly_is_described():
    text = page("assemblies.md")
    assemblies = read_registry().assemblies
    assert len(assemblies) >= 10
    for name, assembly in assemblies.items():
        found = section(text, f"## {name}")
        assert assembly.summary in plain(found)
        for table in assembly.document.tree:
            assert re.search(rf"^\[+{table}\]", found, re.M), f"{name}.{table}"


def command_functions() -> dict[str, object]:
    tree = command_tree()
    subs = {f"mfclip {c.callback.__name__}": c.callback for c in tree.registered_commands}
    (build,) = build_tree().registered_commands
    return {"mfclip": tree.registered_callback.callback, "mfclip-build": build.callback, **subs}


def options_of(function) -> dict[str, str]:
    """The name that the page should give each parameter, and its help."""
    found = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for info in getattr(hint, "__metadata__", ()):
            # typer keeps the first name that is declared as the default.
            given = [info.default, *(info.param_decls or ())]
            declared = [d for d in given if isinstance(d, str) and d.startswith("--")]
            is_option = type(info).__name__ == "OptionInfo"
            derived = f"--{name.replace('_', '-')}" if is_option else name.upper()
            found[declared[0] if declared else derived] = info.help
    return found


@pytest.mark.parametrize("command", command_functions())
def test_a_command_is_described_with_every_option(command):
    function = command_functions()[command]
    found = section(page("commands.md"), f"## {command}")
    assert plain(inspect.getdoc(function)) in plain(found)
    options = options_of(function)
    assert options
    for option, meaning in options.items():
        assert re.search(rf"\| `{option}(\.\.\.)?` \|", found), option
        assert plain(meaning) in plain(found)


def test_debug_is_described():
    assert f"`{DEBUG_OPTION}`" in page("commands.md")
    assert f"`{DEBUG_OPTION}`" in page("errors.md")


def test_every_error_and_exit_code_is_described():
    text = page("errors.md")
    family = [errors.MfclipError, *errors.MfclipError.__subclasses__()]
    assert len(family) >= 9
    for error in family:
        row = rf"^\| `{error.exit_code}` \| `{error.__name__}` \|"
        assert re.search(row, text, re.M), error.__name__
        assert f"### {error.__name__}\n" in text
    for code in (0, 1, 2, INTERRUPTED):
        assert re.search(rf"^\| `{code}` \|  \|", text, re.M), code
