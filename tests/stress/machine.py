"""A machine with too little of something: disk, shared memory, a home to write to."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

from outcome import Outcome, Place, program

APART = ("unshare", "--mount", "--map-root-user")
"""Mounts that nobody else sees."""
SECONDS = 120
"""For a script; then it is ended with exit code 124."""


def trials(place: Place, draw: random.Random) -> list[Outcome]:
    """Each condition once; where mounts are not allowed the row says so."""
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        return [Outcome("full disk, small /dev/shm, read-only home", note="no mounts allowed here")]
    return [_full_disk(place), _small_shm(place), _no_home(place)]


def _script(place: Place, name: str, text: str) -> subprocess.CompletedProcess[str]:
    """A shell script among its own mounts."""
    file = place.folder / f"{name}.sh"
    file.write_text(f"set -u\n{text}", encoding="utf-8")
    words = ["timeout", "--kill-after=1", str(SECONDS), *APART, "sh", str(file)]
    return subprocess.run(words, capture_output=True, text=True, errors="replace")


def _judge(outcome: Outcome, name: str, code: int, wanted: set[int], said: str) -> None:
    outcome.tries += 1
    outcome.found[f"{name}: exit {code}"] += 1
    if code not in wanted or "Traceback" in said:
        outcome.failures.append(f"{name}: exit {code}: {' '.join(said.split())[-400:]}")


def _full_disk(place: Place) -> Outcome:
    """A build on a disk of three sizes; then room is made, and it goes on to the same weights."""
    outcome = Outcome("full disk")
    wanted = _digest(place.bundle() / "model.safetensors")
    build = f"{program('mfclip-build')} --recipe {place.recipe} --out"
    for kib in (200, 9_000, 60_000):
        disk, kept = place.folder / f"disk-{kib}", place.folder / f"kept-{kib}"
        disk.mkdir()
        done = _script(
            place,
            f"disk-{kib}",
            f"mount -t tmpfs -o size={kib}k tmpfs {disk}\n"
            f"{build} {disk}/b; echo first $?\n"
            f"mount -o remount,size=1g {disk}\n"
            f"{build} {disk}/b --resume; echo second $?\n"
            f"cp -r {disk}/b {kept}\nls -A {disk}\n",
        )
        said = done.stdout + done.stderr
        codes = {word: int(said.split(f"{word} ")[1].split()[0]) for word in ("first", "second")}
        _judge(outcome, f"{kib} KiB", codes["first"], {0, 1, 2, 5, 6, 8}, said)
        if codes["second"] or _digest(kept / "model.safetensors") != wanted:
            outcome.failures.append(f"{kib} KiB: did not go on to the same weights: {said[-300:]}")
        else:
            outcome.found["resumed to the same weights"] += 1
    return outcome


def _small_shm(place: Place) -> Outcome:
    """Workers with 1 MiB of shared memory: done, or told what to do."""
    outcome = Outcome("/dev/shm of 1 MiB, two workers")
    from mfclip_sample import sample_folder

    bundle, faces = place.bundle(), sample_folder(96, 64, 0)
    small = "mount -t tmpfs -o size=1m tmpfs /dev/shm\n"
    score = f"{program('mfclip')} score {bundle} {faces} --workers 2 --batch-size 64 --format csv"
    large = _large_faces(place)
    for name, words in {
        "score": score,
        "score large": score.replace(str(faces), str(large)),
        "build": f"{program('mfclip-build')} --recipe {place.recipe} --set training.workers=2 "
        f"--out {place.folder / 'shm'}",
    }.items():
        done = _script(place, f"shm-{name.replace(' ', '-')}", f"{small}{words}\nexit $?\n")
        _judge(outcome, name, done.returncode, {0, 2}, done.stderr)
        if done.returncode and "/dev/shm" not in done.stderr:
            outcome.failures.append(f"{name}: does not name /dev/shm: {done.stderr[-300:]}")
    return outcome


def _large_faces(place: Place) -> Path:
    from PIL import Image

    folder = place.folder / "large"
    folder.mkdir()
    for number in range(8):
        Image.effect_noise((1500, 1500), 50 + number).convert("RGB").save(folder / f"{number}.jpg")
    return folder


def _no_home(place: Place) -> Outcome:
    """A home that cannot be written, and no other place for a cache."""
    outcome = Outcome("read-only home")
    from mfclip_sample import sample_folder

    image = next(sample_folder(96, 64, 0).glob("**/*.jpg"))
    bundle, home = place.bundle(), place.folder / "home"
    home.mkdir()
    exported = "".join(f"unset {name}\n" for name in ("MFCLIP_CACHE", "XDG_CACHE_HOME"))
    mounts = f"{exported}mount -t tmpfs -o ro tmpfs {home}\nexport HOME={home}\n"
    commands = {
        "score": (f"{program('mfclip')} score {bundle} {image}", {0}),
        "parts": (f"{program('mfclip')} parts", {0}),
        "doctor": (f"{program('mfclip')} doctor", {0, 4}),
        "build from the sample set": (
            f"{program('mfclip-build')} --recipe {place.recipe} --out {place.folder / 'homeless'}",
            {1, 2, 5},
        ),
        "the same with MFCLIP_CACHE": (
            f"MFCLIP_CACHE={place.folder / 'cache'} {program('mfclip-build')} --recipe "
            f"{place.recipe} --out {place.folder / 'homeless'}",
            {0},
        ),
    }
    for number, (name, (words, wanted)) in enumerate(commands.items()):
        done = _script(place, f"home-{number}", f"{mounts}{words}\nexit $?\n")
        _judge(outcome, name, done.returncode, wanted, done.stderr)
        if done.returncode and "MFCLIP_CACHE" not in done.stderr:
            outcome.failures.append(f"{name}: does not say what to do: {done.stderr[-300:]}")
    return outcome


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "no file"
