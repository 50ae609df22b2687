"""Peak memory of scoring few against many files: it must not grow with their number.

Each row is a fresh process that scores hard links of a few small JPEG files with a small
detector, so that the number of files is all that differs. glibc keeps freed blocks for reuse, a
random amount of some tens of MiB that comes and goes; MALLOC_MMAP_THRESHOLD_ is fixed here so
that the figures are of memory in use. Run:

    python benchmarks/scoring_memory.py [--files 100 10000] [--workers 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.detector.assemble import assemble
from mfclip.inference.loaded import load
from mfclip.inference.score import score_paths
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

PICTURES = 50
"""Different files; the others are links to them."""
RECIPE = """
recipe = 1
assembly = "cvit"
preprocessing = { size = 64 }
[vision]
channels = [8, 16]
convolutions = [1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("BUNDLE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*map(Path, options.one), options.workers)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        rows = [run(Path(scratch), count, options.workers) for count in options.files]
    print(json.dumps(rows, indent=2) if options.json else table(rows))


def run(scratch: Path, files: int, workers: int) -> dict[str, float]:
    """Score so many files in a process of its own."""
    bundle, folder = make_bundle(scratch), make_files(scratch, files)
    command = [sys.executable, __file__, "--workers", str(workers), "--one", bundle, folder]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(json.loads(done.stdout))


def measure(bundle: Path, folder: Path, workers: int) -> dict[str, float]:
    """Peak resident memory, MiB, of this process and of the largest of its workers."""
    loaded = load(bundle, device="cpu", precision="fp32")
    before = peak(resource.RUSAGE_SELF)
    count = sum(1 for _ in score_paths(loaded, entries(folder), workers=workers))
    return {
        "files": count,
        "loaded": before,
        "scoring": peak(resource.RUSAGE_SELF),
        "worker": peak(resource.RUSAGE_CHILDREN),
    }


def entries(folder: Path):
    """The files as a stream, so that not even their names are in memory together."""
    with os.scandir(folder) as found:
        for entry in found:
            yield Path(entry.path)


def peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def make_bundle(scratch: Path) -> Path:
    folder = scratch / "bundle"
    if not folder.exists():
        torch.manual_seed(0)
        plugins = discover()
        recipe = read_recipe_text(RECIPE, "benchmark", plugins=plugins, registry=read_registry())
        needs = needs_of(recipe, plugins)
        write_bundle(folder, BundleContents(assemble(recipe, None), recipe, needs=needs))
    return folder


def make_files(scratch: Path, count: int, side: int = 64) -> Path:
    folder = scratch / str(count)
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        if number < PICTURES:
            pixels = draw.integers(0, 256, (side, side, 3), np.uint8)
            Image.fromarray(pixels).save(path)
        else:
            path.hardlink_to(folder / f"{number % PICTURES:06}.jpg")
    return folder


def table(rows: list[dict[str, float]]) -> str:
    lines = [
        "| files | after loading, MiB | peak while scoring, MiB | ratio | largest worker, MiB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ratio = row["scoring"] / rows[0]["scoring"]
        lines.append(
            f"| {row['files']:.0f} | {row['loaded']:.0f} | {row['scoring']:.0f} | {ratio:.3f} "
            f"| {row['worker']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
