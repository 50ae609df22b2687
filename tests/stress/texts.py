"""Damaged bundles, recipes, manifests and registry files: a named error, soon, no traceback."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from outcome import HANG, MEMORY, Outcome, Place

COUNT = 75
"""Of each kind."""
CODES = {0, 2, 3, 4, 5, 6, 7, 8, 9}
"""Exit codes with a meaning; 1 is for errors of the system, which no text can cause."""
REGISTRY = """
[plugins]
disabled = ["some-plugin", "another"]

[assemblies.own-small]
summary = "Ours, for tries."
paper = ""
extends = "mfclip-small"

[assemblies.own-small.vision.image]
channels = [8, 8, 16, 16, 16]
depth = 1

[assemblies.own]
summary = "Ours."
extends = "cvit"

[[assemblies.own.loss]]
use = "cross-entropy"
weight = 0.5
"""
"""A user's registry file."""
VALUES = (
    *("-1", "0", "1e400", "nan", "99999999999999999999", "true", '""', "[]", "{}", "null"),
    *('"../../x"', '"\\u0000"', "1979-05-27", "'a'", '"é"', "[[[[[[1]]]]]]", "real", "fake"),
)


def trials(place: Place, draw: random.Random) -> list[Outcome]:
    """300 damaged files, each given to the command that reads it."""
    bundle = place.bundle()
    manifest = _manifest(place)
    registry = place.folder / "registry.toml"
    registry.write_text(REGISTRY, encoding="utf-8")
    image = next((place.folder / "pictures-of-sample").glob("**/*.jpg"))
    work = place.folder / "texts"
    work.mkdir()
    # Imported once: each try is a fork of this process, which takes milliseconds.
    import mfclip.building.plan
    import mfclip.data.audit
    import mfclip.inference.loaded  # noqa: F401

    def of_bundle(number: int) -> list[str]:
        copy = work / f"bundle-{number}"
        shutil.copytree(bundle, copy)
        names = ("bundle.json", "recipe.toml", "prompts.json", "metrics.json", "model.safetensors")
        file = copy / draw.choice(names)
        file.write_bytes(damaged(file.read_bytes(), draw))
        return ["mfclip", "score", str(copy), str(image), "--workers", "0"]

    def of_file(
        file: Path, words: Sequence[str], last: Sequence[str] = ()
    ) -> Callable[[int], list[str]]:
        def make(number: int) -> list[str]:
            beside = file.parent if file.suffix == ".csv" else work
            copy = beside / f"{number}-{file.name}"
            copy.write_bytes(damaged(file.read_bytes(), draw))
            return [*words, str(copy), *last]

        return make

    check = ["mfclip", "data", "check", "--quick"]
    kinds = {
        "mutated bundles, mfclip score": of_bundle,
        "mutated recipes, mfclip-build --dry-run": of_file(
            place.recipe, ["mfclip-build", "--dry-run", "--recipe"]
        ),
        "mutated manifests, mfclip data check": of_file(manifest, check),
        "mutated registry files, mfclip assemblies": of_file(
            registry, ["mfclip", "assemblies", "--registry"]
        ),
    }
    return [_tried(what, make, place.times(COUNT), work) for what, make in kinds.items()]


def _manifest(place: Place) -> Path:
    """The sample set's, beside its pictures: mutated copies lie there too."""
    from mfclip_sample import sample_folder

    place.bundle()  # has drawn the sample set
    copy = place.folder / "pictures-of-sample"
    shutil.copytree(sample_folder(96, 64, 0), copy)
    return copy / "manifest.csv"


def damaged(data: bytes, draw: random.Random) -> bytes:
    """One to three changes, most often to values: what still parses gets furthest."""
    for _ in range(draw.choice((1, 1, 1, 2))):
        data = draw.choice((*[_number] * 6, _value, _value, _line, _bytes, _brackets))(data, draw)
    return data


def _line(data: bytes, draw: random.Random) -> bytes:
    """A line gone, doubled, cut, or somewhere else."""
    lines = data.split(b"\n")
    at = draw.randrange(len(lines))
    line = lines.pop(at)
    kind = draw.randrange(4)
    if kind == 1:
        lines[at:at] = [line, line]
    elif kind == 2:
        lines.insert(at, line[: len(line) // 2])
    elif kind == 3:
        lines.insert(draw.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def _number(data: bytes, draw: random.Random) -> bytes:
    """A number replaced by one that may still be meant: near, small, large."""
    found = list(re.finditer(rb"(?<![\w.])\d+(\.\d+)?(?![\w.])", data[:20_000]))
    if not found:
        return data
    place = draw.choice(found)
    number = float(place.group())
    new = draw.choice((number * 2, number + 1, number - 1, 0, 1, 3, 7, 64, 10**6, 2**31, 2**40))
    whole = b"." not in place.group()
    text = str(int(new)) if whole else repr(float(new))
    return data[: place.start()] + text.encode() + data[place.end() :]


def _value(data: bytes, draw: random.Random) -> bytes:
    """A number or a text replaced by another value."""
    found = list(re.finditer(rb'-?\d+(\.\d+)?|"[^"\n]*"|\b(real|fake|true|false)\b', data[:20_000]))
    if not found:
        return data
    place = draw.choice(found)
    return data[: place.start()] + draw.choice(VALUES).encode() + data[place.end() :]


def _bytes(data: bytes, draw: random.Random) -> bytes:
    """Bytes that are no UTF-8, a NUL, a control character, or noise."""
    at = draw.randrange(min(len(data), 20_000) + 1)
    new = draw.choice(
        (b"\xff\xfe", b"\0", b"\x1b[31m", b"\r", "\ufeff".encode(), draw.randbytes(8))
    )
    return data[:at] + new + data[at + draw.choice((0, len(new))) :]


def _brackets(data: bytes, draw: random.Random) -> bytes:
    """Deep nesting, or an end in the middle."""
    at = draw.randrange(len(data) + 1)
    if draw.random() < 0.3:
        return data[:at]
    return data[:at] + draw.choice((b"[", b"{", b'{"a":')) * draw.choice((1, 3000)) + data[at:]


def _tried(what: str, make: Callable[[int], list[str]], count: int, work: Path) -> Outcome:
    outcome = Outcome(what, tries=count)
    for number in range(count):
        words = make(number)
        started = time.monotonic()
        code, memory, said = _forked(words, work / "said.txt")
        seconds = time.monotonic() - started
        outcome.found[f"exit {code}"] += 1
        outcome.slowest, outcome.memory = max(outcome.slowest, seconds), max(outcome.memory, memory)
        wrong = _wrong(code, memory, said, seconds)
        if wrong:
            outcome.failures.append(f"try {number}: {wrong}: {' '.join(said.split())[-300:]}")
        elif (made := Path(next(word for word in words[2:] if f"{number}" in word))).is_dir():
            shutil.rmtree(made)  # what failed stays, to be looked at
        else:
            made.unlink()
    return outcome


def _wrong(code: int, memory: int, said: str, seconds: float) -> str:
    if "Traceback" in said:
        return "traceback"
    if code not in CODES:
        return f"exit code {code}"
    if code and not said.strip():
        return "no message"
    if seconds > HANG:
        return f"{seconds:.0f} s"
    return f"{memory} MiB" if memory > MEMORY else ""


def _forked(words: list[str], file: Path) -> tuple[int, int, str]:
    """Run a command in a fork: exit code, MiB and what it printed. A hang is killed."""
    child = os.fork()
    if child == 0:
        _in_child(words, file)
    deadline = time.monotonic() + 2 * HANG
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    said = file.read_text(encoding="utf-8", errors="replace")
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024, said


def _in_child(words: list[str], file: Path) -> None:
    """The command; never returns."""
    code = 99
    try:
        with file.open("w", encoding="utf-8") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        from mfclip.cli import build_main, main

        sys.argv = words
        try:
            (build_main if words[0] == "mfclip-build" else main)()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
