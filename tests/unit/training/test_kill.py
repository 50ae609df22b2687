"""A run that is killed (SIGKILL) at any moment and resumed ends with the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    script = Path(__file__).with_name("kill_runs.py")
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_at_any_write_of_a_checkpoint(outcome):
    assert outcome["points"] == [[True, True]] * 8


def test_killed_at_any_time(outcome):
    killed, same = zip(*outcome["times"], strict=True)
    assert all(same)
    assert sum(killed) >= 2  # a busy machine may let one finish before its time comes


def test_killed_again_and_again(outcome):
    kills, same = outcome["chain"]
    assert same
    assert kills >= 2
