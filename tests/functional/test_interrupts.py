"""Commands that are stopped by a signal: one line, its exit code, nothing lost, nothing left.

Builds and imports are the installed programs in new processes; the others are forked from a process
that has loaded torch, which is where they are the same, seconds later, when the signal comes.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

CODES = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
SECONDS = 120
BATCH = 8
ONWARDS = "the same command with --resume goes on from here"


class Running(Protocol):
    """What is used of a running command, be it new or forked from one that has loaded torch."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int: ...


Begin = Callable[..., Running]
"""``begin(program, *words, cwd=folder, err=file)``."""
to_whom = pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
which = pytest.mark.parametrize("sent", CODES, ids=lambda sent: sent.name)


def as_on_a_terminal() -> None:
    """In the child: a shell's background jobs ignore Ctrl-C, those on a terminal do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def installed(program: str, *words: object, cwd: Path, err: Path) -> Running:
    """The installed program in a new process, as a user starts it."""
    with err.open("wb") as errors:
        return subprocess.Popen(
            [Path(sys.executable).with_name(program), *map(str, words)],
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            preexec_fn=as_on_a_terminal,
        )


def stop_in_the_middle(
    begin: Begin,
    words: list[object],
    folder: Path,
    ready: Callable[[Running, str], bool],
    sent: signal.Signals,
    *,
    group: bool,
) -> tuple[int, list[str]]:
    """Exit code and lines on stderr of a command that gets a signal as soon as it is ready."""
    log = folder / "stderr.log"
    victim = begin(*words, cwd=folder, err=log)
    try:
        wait_until(lambda: ready(victim, log.read_text()), victim)
        (os.killpg if group else os.kill)(victim.pid, sent)
        code = victim.wait(SECONDS)
        wait_until(lambda: not members(victim.pid), None)
    finally:
        if members(victim.pid):
            os.killpg(victim.pid, signal.SIGKILL)
        victim.wait(SECONDS)
    lines = log.read_text().splitlines()
    log.unlink()
    assert not [line for line in lines if "Traceback" in line or "rror" in line], lines
    return code, lines


def wait_until(state: Callable[[], bool], running: Running | None) -> None:
    deadline = time.monotonic() + SECONDS
    while not state():
        assert time.monotonic() < deadline, f"still not so after {SECONDS} s"
        assert running is None or running.poll() is None, "the command ended too early"
        time.sleep(0.005)


def members(group: int) -> list[int]:
    """Processes of a group, without those that have ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = entry.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(of) == group and state != "Z":
            found.append(int(entry.parent.name))
    return found


def has_workers(victim: Running, _: str) -> bool:
    """Decoding processes of torch run."""
    return len(members(victim.pid)) > 2


def grown(file: Path, size: int) -> Callable[[Running, str], bool]:
    return lambda *_: file.exists() and file.stat().st_size > size


def said(text: str) -> Callable[[Running, str], bool]:
    return lambda _, errors: text in errors


@pytest.fixture(scope="module")
def many(sample_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample set thirty times over, as links, with its manifest."""
    folder = tmp_path_factory.mktemp("many")
    with sample_manifest.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["path", "label"], extrasaction="ignore")
        writer.writeheader()
        for copy in range(30):
            (folder / str(copy)).symlink_to(sample_manifest.parent)
            writer.writerows(row | {"path": f"{copy}/{row['path']}"} for row in rows)
    return folder


@pytest.fixture(scope="module")
def whole(bundle: Path, many: Path, command, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Scores of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "scores.csv"
    command("mfclip", "score", bundle, many, "--out", out, "--batch-size", BATCH, "--workers", 2)
    return out.read_bytes()


@which
@to_whom
def test_scores_go_on_where_they_were_stopped(
    bundle: Path, many: Path, whole: bytes, tmp_path: Path, command, start, sent, group
) -> None:
    form = ["--batch-size", BATCH, "--workers", 2]
    words = ["score", bundle, many, "--out", "scores.csv", *form]
    rows = tmp_path / "scores.csv.partial" / "rows"
    code, lines = stop_in_the_middle(
        start, ["mfclip", *words], tmp_path, grown(rows, 20_000), sent, group=group
    )
    assert (code, lines) == (CODES[sent][0], [f"{CODES[sent][1]}; {ONWARDS}"])
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv.partial"]
    assert 20_000 < rows.stat().st_size < len(whole)

    refused = command("mfclip", *words, cwd=tmp_path, code=2)
    assert "go on with --resume" in refused.stderr
    with rows.open("ab") as stream:
        stream.write(b"half a ro")
    command("mfclip", *words, "--resume", cwd=tmp_path)
    assert (tmp_path / "scores.csv").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


@which
def test_a_build_goes_on_where_it_was_stopped(
    bundle: Path, workplace: Path, tmp_path: Path, command, sent
) -> None:
    shutil.copy(workplace / "tiny.toml", tmp_path)
    words = ["mfclip-build", "--recipe", "tiny.toml", "--out", "stopped"]
    words += ["--set", "training.checkpoint_steps=1", "--set", "training.workers=1"]
    state = tmp_path / "stopped.partial" / "state.json"

    def second_step(*_: object) -> bool:
        return state.exists() and json.loads(state.read_text())["state"]["step"] >= 2

    code, lines = stop_in_the_middle(installed, words, tmp_path, second_step, sent, group=True)
    assert code == CODES[sent][0]
    assert lines[-1] == f"{CODES[sent][1]}; {ONWARDS}"
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.toml", "stopped.partial"}
    command(*words, "--resume", cwd=tmp_path)
    first, second = (
        json.loads((folder / "bundle.json").read_text())["weights_sha256"]
        for folder in (bundle, tmp_path / "stopped")
    )
    assert first == second


@which
def test_a_sample_set_is_not_left_half_made(tmp_path: Path, monkeypatch, start, sent) -> None:
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "r.toml").write_text(
        'recipe = 1\nassembly = "mfclip-small"\n[data]\nuse = "sample"\nimages = 600\n'
    )
    words = ["mfclip-build", "--recipe", "r.toml", "--dry-run"]

    def drawing(*_: object) -> bool:
        return len(list(tmp_path.glob("cache/.*/*/*.jpg"))) > 3

    code, lines = stop_in_the_middle(start, words, tmp_path, drawing, sent, group=True)
    assert (code, lines[-1]) == CODES[sent]
    assert not list((tmp_path / "cache").iterdir())


@which
@to_whom
@pytest.mark.parametrize("name", ["evaluate", "explain", "check", "stats"])
def test_what_reads_images_leaves_nothing(
    bundle: Path, many: Path, tmp_path: Path, name: str, start, sent, group
) -> None:
    manifest = many / "manifest.csv"
    words, ready = {
        "evaluate": (
            ["evaluate", bundle, "--data", manifest, "--out", "out", "--workers", 2],
            has_workers,
        ),
        "explain": (
            ["explain", bundle, many, "--out", "out", "--method", "none", "--workers", 2],
            has_workers,
        ),
        "check": (["data", "check", manifest], said("Checking the data")),
        "stats": (["data", "stats", manifest], said("Reading the files")),
    }[name]
    words = ["mfclip", *words]
    code, lines = stop_in_the_middle(start, words, tmp_path, ready, sent, group=group)
    assert (code, lines[-1]) == CODES[sent]
    assert not list(tmp_path.iterdir())


@which
def test_an_import_leaves_nothing(tmp_path: Path, sent) -> None:
    for label in ("real", "fake"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10_000):
            (tmp_path / "data" / label / f"{number}.jpg").touch()
    words = ["mfclip", "data", "import", "folder", "data", "--out", "out.csv"]
    code, lines = stop_in_the_middle(
        installed, words, tmp_path, said("Listing the"), sent, group=False
    )
    assert (code, lines[-1]) == CODES[sent]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@which
def test_a_bench_says_that_the_same_command_goes_on(
    workplace: Path, tmp_path: Path, start, sent
) -> None:
    shutil.copy(workplace / "tiny.toml", tmp_path)
    words = ["mfclip", "bench", "--recipe", "tiny.toml", "--protocol", "cross-generator"]
    words += ["--train", "toy-deconv", "--out", "out", "--set", "training.checkpoint_steps=1"]

    def training(*_: object) -> bool:
        return bool(list(tmp_path.rglob("state.json")))

    code, lines = stop_in_the_middle(start, words, tmp_path, training, sent, group=True)
    assert code == CODES[sent][0]
    assert lines[-1] == f"{CODES[sent][1]}; the same command goes on from here"
