"""The list of checks against the functions, the broken parts of the tests, and the document."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from mfclip.parts import BASES, ImageEncoder, Part, TextEncoder
from mfclip.testing.catalogue import CATALOGUE, checks_of

TESTS = sorted((Path(__file__).parent / "checks").glob("test_*.py"))
GUIDE = Path(__file__).parents[3] / "docs/how-to/test-a-part.md"
MODULES = sorted({entry.module for entry in CATALOGUE})


def broken_in(file: Path) -> set[str]:
    """The names of the checks for which a file of tests has broken parts: its BROKEN tables."""
    found = set()
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=cases)):
                if name.startswith("BROKEN"):
                    found |= {case.elts[0].value for case in cases}
    return found


def test_every_check_has_a_broken_part_that_it_catches():
    assert len(TESTS) >= 10
    covered = set().union(*map(broken_in, TESTS))
    assert covered == {entry.name for entry in CATALOGUE}


@pytest.mark.parametrize("name", MODULES)
def test_every_function_of_a_group_is_in_the_catalogue(name):
    module = import_module(name)
    written = {
        function.replace("_", "-")
        for function, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == name and not function.startswith("_")
    }
    assert written == {entry.name for entry in CATALOGUE if entry.module == name}


def test_names_are_unique_and_kebab_case():
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_every_check_says_what_it_asks_for():
    for entry in CATALOGUE:
        assert entry.doc.endswith("."), entry.name


def test_every_kind_has_checks_of_its_own():
    common = set(checks_of(Part))
    for base in (*BASES.values(), ImageEncoder, TextEncoder):
        if base.__name__ != "Encoder":
            assert len(set(checks_of(base)) - common) >= 3, base


def test_the_guide_lists_every_check_in_its_words():
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", GUIDE.read_text("utf-8"), re.M))
    assert listed == {entry.name: entry.doc for entry in CATALOGUE}
