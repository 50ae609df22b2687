"""What a trial finds, the folder it works in, and the commands it starts."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HANG = 10.0
"""Seconds after which a single input counts as a hang."""
MEMORY = 1200
"""MiB that a process may hold for a damaged file of a few kilobytes; 550 are the program."""
SHOWN = 10
"""Failures that are spelt out."""

INTRO = """\
# Under stress

`make stress` does on purpose what goes wrong by itself: `kill -9` at random moments of builds and
benchmarks, which must go on to the same weights; files with bits, bytes, lines and values changed,
which must end in a status or a named error, within ten seconds and in little memory; disks, shared
memory and homes with too little room. All is drawn from one seed. The last run:
"""

TINY = """
recipe = 1
assembly = "mfclip-small"
preprocessing = { size = 64 }
evaluation = { bootstrap = 100 }

[vision.image]
channels = [8, 8, 16, 16, 16]
convolutions = [1, 1, 1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32

[vision.noise]
patch_size = 32
channels = 8
dim = 32
heads = 2

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 2
checkpoint_steps = 1
workers = 0
precision = "fp32"
"""
"""A detector that trains in seconds."""


@dataclass
class Outcome:
    """One row of the table."""

    what: str
    tries: int = 0
    found: Counter[str] = field(default_factory=Counter)
    """What became of the tries."""
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds of the slowest single try, where tries are single inputs."""
    memory: int = 0
    """MiB, the largest of any try."""
    note: str = ""

    def line(self) -> str:
        """For the terminal, as it goes."""
        told = ", ".join(f"{count} {name}" for name, count in self.found.most_common())
        bad = "".join(f"\n    FAILED {failure}" for failure in self.failures[:SHOWN])
        return f"{self.what}: {self.tries} tries, {len(self.failures)} failed ({told}){bad}"


@dataclass(frozen=True)
class Place:
    """Where the trials work."""

    folder: Path
    share: float
    recipe: Path

    @staticmethod
    def make(folder: Path, share: float) -> Place:
        """A folder with the tiny recipe in it."""
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder / "tiny.toml"
        recipe.write_text(TINY, encoding="utf-8")
        return Place(folder, share, recipe)

    def times(self, count: int) -> int:
        """The share of a number of tries; at least one."""
        return max(1, round(count * self.share))

    def bundle(self) -> Path:
        """The tiny recipe's bundle, built when it is first asked for."""
        bundle = self.folder / "reference"
        if not bundle.exists():
            done = run("mfclip-build", "--recipe", self.recipe, "--out", bundle)
            assert done.returncode == 0, done.stderr
        return bundle


def program(name: str) -> str:
    """One of our commands, of the environment that this runs in."""
    return str(Path(sys.executable).with_name(name))


def run(
    name: str,
    *words: object,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(
        [*prefix, program(name), *map(str, words)],
        capture_output=True,
        text=True,
        errors="replace",
        env=None if env is None else dict(env),
        timeout=600,
    )


def page(outcomes: Sequence[Outcome], seed: int, seconds: float) -> str:
    """The table as Markdown."""
    rows = [
        f"| {one.what} | {one.tries} | {len(one.failures)} | {_found(one)} "
        f"| {f'{one.slowest:.1f}' if one.slowest else ''} | {one.memory or ''} |"
        for one in outcomes
    ]
    notes = [f"* {one.what}: {one.note}" for one in outcomes if one.note]
    failed = [f"* {one.what}: {text}" for one in outcomes for text in one.failures[:SHOWN]]
    return "\n".join(
        [
            INTRO,
            f"Seed {seed}, {seconds / 60:.0f} minutes, {_machine()}.",
            "",
            "| trial | tries | failed | what became of them | slowest, s | memory, MiB |",
            "|:--|--:|--:|:--|--:|--:|",
            *rows,
            *(["", *notes] if notes else []),
            *(["", "Failures:", "", *failed] if failed else []),
            "",
        ]
    )


def _machine() -> str:
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return f"{cores}, Python {platform.python_version()}"


def _found(one: Outcome) -> str:
    return ", ".join(f"{count} {name}" for name, count in one.found.most_common())
