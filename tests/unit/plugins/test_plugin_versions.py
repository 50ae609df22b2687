"""A plugin for another version is refused by name, before it can break."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mfclip import __version__
from mfclip.plugins import versions as plugin_versions
from mfclip.plugins.discovery import discover
from mfclip.plugins.versions import requirement_problem

SOURCE = """
    from typing import Literal
    from mfclip import Prompts, hookimpl

    MFCLIP_HOOKS = {stated}

    class AcmeWords(Prompts):
        '''Words.'''
        use: Literal["acme-words"] = "acme-words"

        @property
        def sentences(self):
            return 1

        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_prompts():
        return [AcmeWords]
"""


def require(site: Path, *lines: str) -> None:
    (file,) = site.glob("*.dist-info/METADATA")
    needs = "".join(f"Requires-Dist: {line}\n" for line in lines)
    file.write_text(f"{file.read_text()}{needs}\nMore text: mfclip>=99\n")


def test_a_plugin_for_this_version_is_taken_and_says_so(install_plugin):
    install_plugin(SOURCE.format(stated=1))
    plugins = discover()
    assert plugins.get("prompts", "acme-words") is not None
    (loaded,) = [one for one in plugins.loaded if one.distribution == "acme"]
    assert loaded.hooks == 1


@pytest.mark.parametrize("stated", [0, 2])
def test_a_plugin_for_other_hooks_is_refused(install_plugin, stated):
    install_plugin(SOURCE.format(stated=stated), distribution="acme-words", version="3.1")
    plugins = discover()
    (broken,) = plugins.broken
    assert str(broken) == (
        f"plugin 'acme' (acme-words 3.1) did not load: it is written for version {stated} of the "
        f"hooks, and mfclip {__version__} has version 1 (next step: pip install --upgrade mfclip "
        'acme-words, or switch it off in a registry file: [plugins] disabled = ["acme-words"])'
    )
    assert plugins.get("prompts", "acme-words") is None


@pytest.mark.parametrize("stated", ["'1'", "None", "True", "1.0"])
def test_a_version_that_is_no_number_is_refused(install_plugin, stated):
    install_plugin(SOURCE.format(stated=stated))
    (broken,) = discover().broken
    assert broken.reason.endswith("it should be a whole number, such as 1")


REQUIREMENTS = {
    "mfclip>=99": f"it needs mfclip>=99, and mfclip {__version__} is installed",
    "mfclip[parquet] (<0.0.1) ; python_version > '3'": (
        f"it needs mfclip<0.0.1, and mfclip {__version__} is installed"
    ),
    "MFCLIP ~= 99.1": f"it needs mfclip~=99.1, and mfclip {__version__} is installed",
    "mfclip >== 1": "its requirement 'mfclip >== 1' cannot be read",
    "mfclip": None,
    "mfclip>=0.0.1,<99": None,
    "mfclip>=99; extra == 'future'": None,
    "mfclip>=99; python_version < '3'": None,
    "mfclip-vision>=99": None,
    "torch>=99": None,
}


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_what_a_distribution_requires_of_us(line):
    assert requirement_problem(["torch", line]) == REQUIREMENTS[line]


def test_a_distribution_for_another_mfclip_is_not_even_imported(install_plugin):
    site = install_plugin("raise RuntimeError('imported')", distribution="acme-words")
    require(site, "torch", "mfclip>=99,<100")
    plugins = discover()
    (broken,) = plugins.broken
    assert broken.reason == f"it needs mfclip<100,>=99, and mfclip {__version__} is installed"
    assert broken.next_step.startswith("pip install --upgrade mfclip acme-words, or ")
    assert "acme_plugin" not in sys.modules


def test_a_distribution_for_this_mfclip_is_loaded(install_plugin):
    require(install_plugin(SOURCE.format(stated=1)), "mfclip>=0.1")
    plugins = discover()
    assert plugins.broken == ()
    assert plugins.get("prompts", "acme-words") is not None


@pytest.mark.parametrize("ours", ["0.1.0", "0.2", "1.0", "1.0.1", "10.0", "1.0.dev1"])
@pytest.mark.parametrize(
    "line",
    ["mfclip", "mfclip>=0.1", "mfclip>=0.1.0.0,<1", "mfclip >= 0.2, < 2.0", "mfclip<0.2,>=0.1",
     "mfclip>=1.0.0,<1.0.1", "mfclip<1.0", "mfclip>=9"],
)  # fmt: skip
def test_plain_bounds_are_read_as_packaging_reads_them(monkeypatch, ours, line):
    monkeypatch.setattr(plugin_versions, "__version__", ours)
    fits = Requirement(line).specifier.contains(ours, prereleases=True)
    assert (requirement_problem([line]) is None) == fits


def test_plain_bounds_need_no_library():
    code = (
        "import sys; from mfclip.plugins.versions import requirement_problem\n"
        "assert requirement_problem(['mfclip>=0.1,<99', 'mfclip']) is None\n"
        "print('packaging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
