"""The look at an installation: true, complete, and not to be stopped by anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mfclip.doctor import machine, packages
from mfclip.doctor.examine import examine
from mfclip.doctor.findings import Fault, Report, Table
from mfclip.doctor.plugins import describe, find
from mfclip.plugins.discovery import BrokenPlugin, PluginRemark, Plugins
from mfclip.plugins.offers import LoadedPlugin


@pytest.fixture(autouse=True)
def fast_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch in another process takes seconds; the functional tests do it."""
    monkeypatch.setattr(machine, "_PROBE", 'print(\'[["torch", "9.9"]]\')')


def test_the_report_holds_every_subject_and_can_be_written():
    report = examine()
    names = ["machine", "packages", "extras", "plugins", "registry files", "cache"]
    assert [table.name for table in report.tables] == names
    found = json.loads(json.dumps(report.as_dict()))
    assert {row["what"]: row["value"] for row in found["machine"]}["torch"] == "9.9"
    torch = next(row for row in found["packages"] if row["package"] == "torch")
    assert torch["installed"] == metadata.version("torch")
    assert {row["distribution"] for row in found["plugins"]} >= {"mfclip"}
    text = report.as_markdown()
    assert all(f"### {name}\n" in text for name in [*names, "faults"])


def test_the_tables_are_markdown_with_every_row_equally_wide():
    rows = (("a|b", 1.23456), (None, 7))
    text = Report([Table("things", ("name", "value"), rows)]).as_markdown()
    assert text == (
        "### things\n\n"
        "| name | value |\n| ---- | ----- |\n| a\\|b | 1.235 |\n| -    | 7     |\n\n"
        "### faults\n\nnone"
    )


def test_no_home_folder_is_told():
    place = str(Path.home() / "secret" / "x.toml")
    report = Report([Table("t", ("file",), ((place,),))], [Fault(f"{place} is bad", "mend it")])
    told = report.as_markdown() + json.dumps(report.as_dict())
    assert "~/secret/x.toml is bad" in told
    assert str(Path.home()) not in told


def test_what_cannot_be_looked_at_is_a_fault_and_the_rest_goes_on(monkeypatch):
    def gone(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "requires", gone)
    report = examine()
    assert [t.name for t in report.tables] == ["machine", "plugins", "registry files", "cache"]
    whats = [fault.what for fault in report.faults]
    assert any(w.startswith("packages cannot be looked at: PackageNotFoundError") for w in whats)


NO_TORCH = {
    "missing": ("import not_there", "No module named 'not_there'"),
    "crashes": ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
    "says nothing": ("pass", "IndexError"),
    "ends silently": ("raise SystemExit(3)", "exit code 3"),
}


@pytest.mark.parametrize("case", NO_TORCH)
def test_a_torch_that_does_not_work_is_a_fault(monkeypatch, case):
    code, reason = NO_TORCH[case]
    monkeypatch.setattr(machine, "_PROBE", code)
    table, (fault,) = machine.machine()
    assert fault.what.startswith("torch does not work: ")
    assert reason in fault.what
    assert "--force-reinstall torch" in fault.next_step
    assert "torch" not in dict(table.rows)


def test_a_torch_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(machine, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(machine, "TIMEOUT", 0.2)
    assert "takes more than" in machine.machine()[1][0].what


def metadata_says(monkeypatch, installed: dict[str, str], *requires: str) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(packages.metadata, "requires", lambda _: list(requires))
    monkeypatch.setattr(packages.metadata, "version", version)
    found = sorted(set(re.findall(r"extra == '(\w+)'", " ".join(requires))))
    monkeypatch.setattr(packages, "extras", lambda: found)


def test_a_package_too_old_or_missing_is_a_fault_with_the_command_that_mends_it(monkeypatch):
    metadata_says(monkeypatch, {"torch": "2.3"}, "torch>=2.6", "typer>=0.15", "old; os_name=='x'")
    table, faults = packages.packages()
    assert table.rows == (("torch", "2.3", ">=2.6"), ("typer", None, ">=0.15"))
    assert faults == [
        Fault("torch 2.3 is installed, and mfclip needs torch>=2.6", "pip install 'torch>=2.6'"),
        Fault("typer is missing, and mfclip needs typer>=0.15", "pip install 'typer>=0.15'"),
    ]


def test_extras_say_what_is_there_and_how_to_get_the_rest(monkeypatch):
    metadata_says(
        monkeypatch,
        {"a": "2", "b": "1"},
        "a>=1; extra == 'one'",
        "b>=2; extra == 'two'",
        "c; extra == 'three'",
        "mfclip[one,three]; extra == 'all'",
    )
    table, (fault,) = packages.optional_packages()
    assert table.rows == (
        ("all", "a 2", "c", "pip install 'mfclip[all]'"),
        ("one", "a 2", "", ""),
        ("three", "", "c", "pip install 'mfclip[three]'"),
        ("two", "", "b>=2", "pip install 'mfclip[two]'"),
    )
    assert fault.what == "b 1 is installed, and mfclip[two] needs b>=2"


def test_every_plugin_has_a_row_and_every_fault_its_next_step():
    who = ("x", "acme", "1")
    plugins = Plugins(
        broken=(BrokenPlugin(*who, "OSError: no", next_step="pip install y"),),
        remarks=(PluginRemark("s", "slow", "2", "it takes long", "tell them"),),
        disabled=("beta",),
        loaded=(LoadedPlugin("s", "slow", "2", 1, 0.75), LoadedPlugin("g", "good", "3", None, 0.1)),
    )
    table, faults = describe(plugins)
    assert [(row[1], row[3], row[5], row[6]) for row in table.rows] == [
        ("slow", 1, 0.75, "works, see below"),
        ("good", None, 0.1, "sound"),
        ("acme", None, None, "did not load"),
        ("beta", None, None, "switched off"),
    ]
    assert faults == [
        Fault("plugin 'x' (acme 1) did not load: OSError: no", "pip install y"),
        Fault("plugin 's' (slow 2) works, but it takes long", "tell them"),
    ]


def test_a_registry_file_that_is_wrong_keeps_third_parties_out(install_plugin, tmp_path):
    install_plugin("raise RuntimeError('imported')")
    own = tmp_path / "mine.toml"
    own.write_text('[plugins]\ndisabled = "acme"\n')
    plugins, table, (fault,) = find(own)
    assert "mine.toml:2: plugins.disabled" in fault.what
    assert plugins.disabled == ("acme",)
    assert plugins.broken == ()
    assert table.rows[1] == ("yours", str(own), "not read")
    assert find(tmp_path / "none.toml")[2][0].next_step.startswith("mend the file")


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_faults(monkeypatch, tmp_path):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "not" / "yet"))
    assert machine.cache()[1] == []
    usage = type("Usage", (), {"free": 2**29})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    table, faults = machine.cache()
    assert [re.sub(r"/.*/yet", "F", fault.what) for fault in faults] == [
        "the cache folder F cannot be written",
        "the disk of F has 0.5 GiB left",
    ]
    assert table.rows[0] == ("folder", str(tmp_path / "not" / "yet"))


def test_the_doctor_itself_does_not_import_torch():
    code = (
        "import sys; from mfclip.doctor import machine; from mfclip.doctor.examine import examine\n"
        "machine._PROBE = 'print([])'; examine(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
