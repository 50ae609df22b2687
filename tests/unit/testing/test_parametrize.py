"""The checks as cases of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mfclip.errors import UsageError
from mfclip.testing import parametrize_parts, part_checks
from mfclip_losses.parts import CrossEntropy, LanguageKl

TEST = """
from mfclip.testing import parametrize_parts
from mfclip_losses.parts import CrossEntropy

class Shifted(CrossEntropy):
    pass

@parametrize_parts(CrossEntropy, Shifted, known_failures={KNOWN})
def test_contract(check):
    if check.name in ("documented", "frozen"):
        check()
"""


def cases(*parts, **more):
    def test(check): ...

    (mark,) = parametrize_parts(*parts, **more)(test).pytestmark
    return mark.args


def run(folder: Path, known: str) -> str:
    file = folder / "test_acme.py"
    file.write_text(TEST.replace("{KNOWN}", known), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.stdout


def test_there_is_one_case_for_each_check():
    argument, found = cases(CrossEntropy, LanguageKl(temperature=2))
    assert argument == "check"
    expected = [c.id for part in (CrossEntropy, LanguageKl) for c in part_checks(part)]
    assert [case.id for case in found] == expected
    assert "cross-entropy-gradients-reach-outputs" in expected


def test_a_second_part_of_one_name_is_numbered():
    _, found = cases(CrossEntropy, CrossEntropy(weight=2))
    ids = [case.id for case in found]
    assert len(set(ids)) == len(ids)
    assert ids[-1].startswith("cross-entropy#2-")


def test_known_failures_are_strict(tmp_path):
    # Only Shifted lacks a docstring of its own; it is the second part of its name.
    assert "1 failed" in run(tmp_path, "{}")
    told = run(tmp_path, "{'cross-entropy#2-documented': 'a reason'}")
    assert "XFAIL" in told
    assert " failed" not in told
    # CrossEntropy passes the check, so the name of the check alone expects too much.
    assert "[XPASS(strict)]" in run(tmp_path, "{'documented': 'a reason'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"known_failures": {"documentd": "x"}}, "no check of these parts; did you mean 'docu"),
        ({"known_failures": {"image-sizes": "x"}}, "names 'image-sizes', which is no check"),
    ],
)
def test_known_failures_of_other_names_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        cases(CrossEntropy, **arguments)


def test_no_part_is_no_test():
    with pytest.raises(UsageError, match="at least one part"):
        cases()
