"""``kill -9`` at random moments: what was begun goes on, and ends with the same weights."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from outcome import Outcome, Place, program, run

SERIES = 5
"""Kills of one run before it may end."""


def trials(place: Place, draw: random.Random) -> list[Outcome]:
    """50 kills: 35 of builds and 15 of benchmarks."""
    build = ("mfclip-build", "--recipe", place.recipe, "--resume", "--out")
    bench = ("mfclip", "bench", "--protocol", "within", "--recipe", place.recipe, "--out")
    return [
        _series("kill -9 in mfclip-build", build, place, draw, place.times(7)),
        _series("kill -9 in mfclip bench", bench, place, draw, place.times(3)),
    ]


def _series(
    what: str, words: Sequence[object], place: Place, draw: random.Random, series: int
) -> Outcome:
    outcome = Outcome(what)
    started = time.monotonic()
    reference = place.folder / f"{words[1]}-whole"
    done = run(*map(str, words), reference)
    assert done.returncode == 0, done.stderr
    seconds = time.monotonic() - started
    wanted = _weights(reference)
    for number in range(series):
        out = place.folder / f"{words[1]}-killed-{number}"
        for _ in range(SERIES):
            outcome.tries += 1
            outcome.found[_kill([*map(str, words), str(out)], draw.uniform(0, seconds))] += 1
        done = run(*map(str, words), out)
        if done.returncode:
            outcome.failures.append(f"series {number}: {done.stderr.strip()[-300:]}")
        elif _weights(out) != wanted:
            outcome.failures.append(f"series {number}: other weights")
        else:
            outcome.found["runs resumed to the same weights"] += 1
            outcome.failures += [f"series {number}: left behind: {p}" for p in _leftovers(out)]
        shutil.rmtree(out, ignore_errors=True)
    return outcome


def _kill(words: list[str], after: float) -> str:
    """Start, and kill the whole process group after so many seconds."""
    started = time.monotonic()
    process = subprocess.Popen(
        [program(words[0]), *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and time.monotonic() - started < after:
        time.sleep(0.005)
    if process.poll() is not None:
        return "ended before the kill"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return "killed"


def _weights(folder: Path) -> dict[str, str]:
    """SHA-256 of every weight file below, by its place."""
    files = sorted(folder.rglob("model.safetensors"))
    assert files, f"{folder} holds no weights"
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def _leftovers(out: Path) -> list[str]:
    """What a finished run should not leave: staged files, checkpoints, locks held by nobody."""
    around = [
        p for p in out.parent.iterdir() if p != out and p.name.strip(".").startswith(out.name)
    ]
    inside = [p for p in out.rglob("*") if p.name.endswith((".new", ".old", ".gone", ".partial"))]
    return [str(p) for p in (*around, *inside)]
