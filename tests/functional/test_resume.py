"""A build that is killed with SIGKILL and resumed ends with the bundle of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

WORDS = ("--recipe", "tiny.toml", "--out", "killed", "--set", "training.checkpoint_steps=1")
SECONDS = 300


def wait_for_step(state: Path, step: int, victim: subprocess.Popen[bytes]) -> None:
    """Until a checkpoint of that step or a later one is written."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if state.exists() and json.loads(state.read_text())["state"]["step"] >= step:
            return
        assert victim.poll() is None, "the build ended before its second step"
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint after {SECONDS} s")


def test_killed_build_resumes_to_the_same_weights(bundle: Path, workplace: Path, command) -> None:
    program = Path(sys.executable).with_name("mfclip-build")
    with (workplace / "killed.log").open("wb") as log:
        victim = subprocess.Popen([program, *WORDS], cwd=workplace, stdout=log, stderr=log)
        try:
            wait_for_step(workplace / "killed.partial" / "state.json", 2, victim)
        finally:
            victim.kill()
            victim.wait()
    assert victim.returncode == -signal.SIGKILL
    assert not (workplace / "killed").exists()

    done = command("mfclip-build", *WORDS, "--resume", cwd=workplace)
    assert "resuming at epoch " in done.stderr
    whole, resumed = (
        json.loads((folder / "bundle.json").read_text())["weights_sha256"]
        for folder in (bundle, workplace / "killed")
    )
    assert whole == resumed
    assert len((workplace / "killed" / "history.jsonl").read_text().splitlines()) == 2
    assert not (workplace / "killed.partial").exists()
