"""The arrangement of the rooms: no circle between files, few loose modules, earlier names."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import grimp
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mfclip.moved import MOVED, where_now

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(p.parent.name for p in ROOT.glob("plugins/*/__init__.py"))
LOOSE = 10
"""Modules that may lie in the core outside its rooms."""


def circles(imports: list[tuple[str, str]]) -> list[list[str]]:
    """Groups of modules that reach each other."""
    names = sorted({name for pair in imports for name in pair})
    number = {name: i for i, name in enumerate(names)}
    rows, columns = zip(*((number[a], number[b]) for a, b in imports), strict=True)
    arrows = coo_matrix(([1] * len(rows), (rows, columns)), shape=(len(names),) * 2)
    _, group = connected_components(arrows, directed=True, connection="strong")
    groups = [[n for n, g in zip(names, group, strict=True) if g == one] for one in set(group)]
    return [members for members in groups if len(members) > 1]


def test_a_circle_is_seen():
    assert circles([("a", "b"), ("b", "c"), ("c", "b")]) == [["b", "c"]]


def test_no_circle_between_files_typing_and_lazy_imports_included():
    graph = grimp.build_graph("mfclip", *PACKAGES, exclude_type_checking_imports=False)
    arrows = [(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)]
    assert len(arrows) > 500
    assert circles(arrows) == []


def test_few_modules_lie_outside_the_rooms():
    loose = {p.name for p in (ROOT / "core/mfclip").glob("*.py")} - {"__init__.py"}
    assert len(loose) <= LOOSE, sorted(loose)


@pytest.mark.parametrize("earlier", sorted(MOVED))
def test_an_earlier_name_gives_the_same_module(earlier: str):
    sys.modules.pop(earlier, None)
    with pytest.warns(DeprecationWarning, match=f"{earlier} is now {MOVED[earlier]}"):
        found = import_module(earlier)
    assert found is import_module(MOVED[earlier])
    assert found.__spec__.name == found.__name__ == MOVED[earlier]


def test_modules_in_a_package_that_moved():
    assert where_now("mfclip.data.sample.forge.swap") == "mfclip_sample.forge.swap"
    assert where_now("mfclip.data.samples") is None


def test_what_plugins_were_told_to_import_goes_on_working():
    program = (
        "from mfclip.discovery import discover\n"
        "from mfclip.registry import read_registry\n"
        "from mfclip.weight_files import WeightFile\n"
        "from mfclip.data.sample import make_sample, GENERATORS\n"
        "from mfclip.data.sample.plan import VERSION\n"
        "import mfclip.data.sample.plan, mfclip_sample.plan\n"
        "assert mfclip.data.sample.plan is mfclip_sample.plan\n"
        "from mfclip.recipe.settings import PreprocessingSettings, Settings\n"
        "from mfclip.detector.protocols import Corrupts, PromptRenderer, Similarity\n"
        "from mfclip.parts import Part\n"
        "assert all(issubclass(offer.schema, Part) for offer in discover().offers)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
