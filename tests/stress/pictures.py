"""Damaged image files: each gets a status or is decoded, soon, and in little memory."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

from outcome import HANG, MEMORY, Outcome, Place, run

COUNT = 1000
ENCODINGS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WEBP": {"quality": 80},
    "BMP": {},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "AVIF": {"quality": 60},
    "JPEG2000": {},
    "ICO": {},
}
"""Pillow's names and options of what is mutated, as far as the Pillow here writes it."""


def trials(place: Place, draw: random.Random) -> list[Outcome]:
    """1,000 mutated files, decoded one by one, and scored by the command all together."""
    folder = place.folder / "pictures"
    folder.mkdir()
    seeds = list(_encoded())
    count = place.times(COUNT)
    for number in range(count):
        name, data = seeds[number % len(seeds)]
        (folder / f"{number:04d}-{name.lower()}.jpg").write_bytes(mutated(data, draw))
    return [_decoded(folder, count), _scored(place, folder, count)]


def _encoded() -> list[tuple[str, bytes]]:
    """One picture in several encodings, plain, progressive, with alpha, animated."""
    from PIL import Image, features

    picture = Image.effect_mandelbrot((96, 80), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    found = []
    for name, options in ENCODINGS.items():
        if name == "AVIF" and not features.check("avif"):
            continue
        found.append((name, _saved(picture, name, options)))
    found.append(("JPEG-progressive", _saved(picture, "JPEG", {"progressive": True})))
    found.append(("JPEG-CMYK", _saved(picture.convert("CMYK"), "JPEG", {})))
    found.append(("PNG-alpha", _saved(picture.convert("RGBA"), "PNG", {})))
    found.append(("PNG-16", _saved(picture.convert("L").convert("I;16"), "PNG", {})))
    frames = [picture.rotate(angle) for angle in (90, 180)]
    for name in ("GIF", "WEBP", "PNG"):
        options = {"save_all": True, "append_images": frames}
        found.append((f"{name}-animated", _saved(picture, name, options)))
    return found


def _saved(picture: object, name: str, options: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, name, **options)  # type: ignore[attr-defined]
    return stream.getvalue()


def mutated(data: bytes, draw: random.Random) -> bytes:
    """One to eight changes: bits, bytes, runs cut out, doubled, made zero or large; or an end."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(changed)) if changed else 0
        if draw.random() < 0.5:  # headers tell the size, and are worth more
            at = min(at, draw.randrange(64))
        length = draw.choice((1, 2, 4, 16, 64))
        kind = draw.randrange(7)
        if kind == 0 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[at : at + length] = draw.randbytes(length)
        elif kind == 2:
            changed[at : at + length] = b"\xff" * length
        elif kind == 3:
            changed[at : at + length] = bytes(length)
        elif kind == 4:
            del changed[at : at + length]
        elif kind == 5:
            changed[at:at] = changed[at : at + length]
        elif draw.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def _decoded(folder: Path, count: int) -> Outcome:
    """Decode in processes of a hundred files, so that a crash or a hang costs only those."""
    outcome = Outcome("mutated images, decoded", tries=count)
    files = sorted(folder.iterdir())
    for start in range(0, len(files), 100):
        part = files[start : start + 100]
        try:
            done = subprocess.run(
                [sys.executable, __file__, *map(str, part)],
                capture_output=True, text=True, timeout=100 * HANG,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            outcome.failures.append(f"files {start} to {start + 99}: hang")
            continue
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or len(lines) != len(part):
            told = done.stderr.strip()[-200:]
            outcome.failures.append(f"file {start + len(lines)}: exit {done.returncode}: {told}")
        for line in lines:
            outcome.found[line["status"]] += 1
            outcome.slowest = max(outcome.slowest, line["seconds"])
            outcome.memory = max(outcome.memory, line["memory"])
            if line["status"] == "FAILED" or line["seconds"] > HANG:
                outcome.failures.append(f"{line['file']}: {line['error'] or 'slow'}")
    if outcome.memory > MEMORY:
        outcome.failures.append(f"{outcome.memory} MiB")
    return outcome


def _scored(place: Place, folder: Path, count: int) -> Outcome:
    """All of them by one command, with worker processes."""
    outcome = Outcome("mutated images, mfclip score", tries=count)
    done = run("mfclip", "score", place.bundle(), folder, "--workers", "2", "--format", "csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    outcome.found.update(row["verdict"] or row["status"] for row in rows)
    if done.returncode not in (0, 9) or "Traceback" in done.stderr:
        outcome.failures.append(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
    if len(rows) != count:
        outcome.failures.append(f"{len(rows)} rows")
    return outcome


def _report(file: Path) -> None:
    """Decode one file, and print what became of it."""
    from mfclip.data.images import ImageError, decode

    started, error = time.perf_counter(), ""
    try:
        decode(file)
        status = "ok"
    except ImageError as refused:
        status = refused.status.value
    except BaseException as wrong:  # a traceback is what this looks for
        status, error = "FAILED", f"{type(wrong).__name__}: {wrong}"
    line = {
        "file": file.name,
        "status": status,
        "error": error,
        "seconds": time.perf_counter() - started,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "ignore"
    for name in sys.argv[1:]:
        _report(Path(name))
