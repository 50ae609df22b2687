"""The reference pages are what the program says now, and leave nothing of it out."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import BaseModel

from mfclip import errors, hookspecs
from mfclip.cli.app import DEBUG_OPTION, build_tree, command_tree
from mfclip.cli.interrupts import HUNG_UP, INTERRUPTED, TERMINATED
from mfclip.detector import protocols
from mfclip.parts import BASES, KINDS, Part
from mfclip.plugins.discovery import discover
from mfclip.recipe import registry
from mfclip.recipe.describe import field_docs
from mfclip.recipe.model import Recipe
from mfclip.recipe.registry import read_registry
from mfclip.recipe.settings import (
    AugmentationSettings,
    EvaluationSettings,
    HeadSettings,
    PreprocessingSettings,
    TrainingSettings,
)

SHIPPED = [offer for offer in discover().offers if offer.distribution == "mfclip"]
PACKAGES = ("mfclip", "mfclip.testing", "mfclip_spa")
DOCS = Path(__file__).parents[2] / "docs"
RUN = (
    "import runpy, sys; sys.path.insert(0, sys.argv[1]); script = sys.argv[1] + '/generate.py';"
    "sys.argv = [script, '--check', *sys.argv[2:]];\n"
    "try: runpy.run_path(script, run_name='__main__')\n"
    "finally: print('torch' in sys.modules)"
)


def check(docs: Path, *pages: str) -> subprocess.CompletedProcess[str]:
    """``generate.py --check``; its output says at the end whether torch was imported."""
    words = [sys.executable, "-c", RUN, docs, *pages]
    return subprocess.run(words, capture_output=True, text=True)


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
    done = check(docs, *(f"reference/{name}.md" for name in ("parts", "hooks", "errors")))
    assert done.returncode == 1
    stale = re.findall(r"stale: docs/(\w+)/(\w+)\.md", done.stderr)
    assert [name for _, name in stale] == ["parts", "errors"]
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
        described = sections_of(offer, text)
        assert len(described) == 1, offer.name
        for field in offer.schema.model_fields:
            assert f"`{field}`" in described[0] or field == "use", f"{offer.name}.{field}"
        assert offer.schema.paper in described[0]


def sections_of(offer, text: str) -> list[str]:
    """What is said of a part; parts of two kinds may share a name, and each has its own schema."""
    schema = f"`{offer.schema.__module__}.{offer.schema.__qualname__}`"
    headings = re.findall(rf"^### .* `{offer.name}`$", text, re.M)
    return [found for found in (section(text, h) for h in headings) if schema in found]


def default_shown(field) -> str:
    """What the page must say of a key's default."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    if isinstance(value, Part):
        return f"`{value.use}`"
    shown = "as below" if isinstance(value, BaseModel) else json.dumps(value, default=str)
    return shown if isinstance(value, BaseModel) else f"`{shown}`"


def rows(text: str) -> dict[str, list[str]]:
    """The cells of a table by its first cell."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.parametrize("offer", SHIPPED, ids=lambda offer: offer.name)
def test_an_option_has_its_true_default_and_meaning(offer):
    (found,) = sections_of(offer, page("parts.md"))
    described, table = field_docs(offer.schema), rows(found)
    for name, field in offer.schema.model_fields.items():
        if name == "use":
            continue
        *_, default, meaning = table[name]
        assert default == default_shown(field), f"{offer.name}.{name}"
        assert plain(described[name]) == plain(meaning), f"{offer.name}.{name}"


def test_every_key_of_a_recipe_is_described():
    text = page("recipe.md")
    assert len(Recipe.model_fields) >= 14
    for name in Recipe.model_fields:
        assert f"| `{name}` |" in section(text, "## Keys and tables")
    tables = {
        "head": HeadSettings,
        "preprocessing": PreprocessingSettings,
        "augmentation": AugmentationSettings,
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


EXPORTED = [
    (package, name) for package in PACKAGES for name in importlib.import_module(package).__all__
]


@pytest.mark.parametrize(("package", "name"), EXPORTED)
def test_a_public_name_is_described_with_its_true_signature(package, name):
    value = getattr(importlib.import_module(package), name)
    found = section(page("python.md"), f"### {package}.{name}")
    if "hooks.md" in found:
        found = section(page("hooks.md"), f"### {name}")
    elif inspect.isclass(value) and (is_protocol(value) or issubclass(value, Exception)):
        assert "```text" not in found
    elif inspect.isclass(value) or inspect.isfunction(value):
        assert parameters_shown(found) == parameters_of(value)
    if inspect.isclass(value) or inspect.isfunction(value):
        first = inspect.getdoc(value).partition("\n\n")[0]
        assert plain(re.sub(r":\w+:`~?[\w.]*?(\w+)`", r"\1", first)) in plain(found)


def parameters_of(value) -> list[tuple[str, str, str]]:
    """(name, kind, default) of each public parameter; none where no class of ours has any."""
    if str(getattr(value.__init__, "__module__", "")).startswith("torch"):
        return []
    made = {f.name: f.default_factory for f in fields(value)} if is_dataclass(value) else {}
    return [
        (p.name, p.kind.name, "" if p.default is p.empty else made_default(p, made))
        for p in inspect.signature(value).parameters.values()
        if not p.name.startswith("_")
    ]


def made_default(parameter: inspect.Parameter, made: Mapping[str, object]) -> str:
    """A default as text; of a field that is made anew each time, what is made."""
    factory = made.get(parameter.name, MISSING)
    return repr(parameter.default if factory is MISSING else factory())


def is_protocol(value: type) -> bool:
    return bool(getattr(value, "_is_protocol", False))


def parameters_shown(text: str) -> list[tuple[str, str, str]]:
    """The same of the first block of a page's section."""
    shown = re.search(r"```text\n(.*?)\n```", text, re.S)[1]
    made = {}
    head = shown if "->" in shown else f"{shown} -> None"
    exec(f"from __future__ import annotations\ndef {head}: ...", {"MISSING": None}, made)
    return parameters_of(next(f for f in made.values() if inspect.isfunction(f)))


def test_every_key_of_a_registry_file_is_described():
    text = page("registry.md")
    for heading, schema in {
        "## [plugins]": registry.PluginsTable,
        "## [assemblies.NAME]": registry.AssemblyHead,
        "## [parts.KIND.NAME]": registry.PartTable,
        "## [systems.NAME]": registry.SystemsTable,
    }.items():
        assert set(rows(section(text, heading))) == set(schema.model_fields)


def functions_below(name: str, tree) -> dict[str, object]:
    """Each command by all its words, those of groups as well."""
    named = {c.name or c.callback.__name__.replace("_", "-"): c for c in tree.registered_commands}
    found = {f"{name} {word}": command.callback for word, command in named.items()}
    for group in tree.registered_groups:
        found |= functions_below(f"{name} {group.name}", group.typer_instance)
    return found


def command_functions() -> dict[str, object]:
    tree = command_tree()
    subs = functions_below("mfclip", tree)
    (build,) = build_tree().registered_commands
    return {"mfclip": tree.registered_callback.callback, "mfclip-build": build.callback, **subs}


def options_of(function) -> dict[str, str]:
    """The name that the page should give each parameter, and its help."""
    found = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for info in getattr(hint, "__metadata__", ()):
            if getattr(info, "hidden", False):
                continue
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
        names = option.replace("/", "`, `")
        assert re.search(rf"\| `{names}(\.\.\.)?` \|", found), option
        assert plain(meaning) in plain(found)


def test_commands_of_groups_are_among_them():
    assert {"mfclip data check", "mfclip data stats", "mfclip data import"} <= set(
        command_functions()
    )
    assert plain("Check data, count them") in plain(section(page("commands.md"), "## mfclip data"))


def test_debug_is_described():
    assert f"`{DEBUG_OPTION}`" in page("commands.md")
    assert f"`{DEBUG_OPTION}`" in page("errors.md")


def test_every_error_and_exit_code_is_described():
    text = page("errors.md")
    family = [errors.MfclipError, *errors.MfclipError.__subclasses__()]
    assert len(family) >= 9
    assert len({error.exit_code for error in family}) == len(family)
    for error in family:
        row = rf"^\| `{error.exit_code}` \| `{error.__name__}` \|"
        assert re.search(row, text, re.M), error.__name__
        assert f"### {error.__name__}\n" in text
    for code in (0, 1, 2, HUNG_UP, INTERRUPTED, TERMINATED):
        assert re.search(rf"^\| `{code}` \|  \|", text, re.M), code
