"""Scoring JPEG files end to end against the bare predictor on images that are decoded already.

The detector has random weights; the files are pictures of one size. Both give the same log-odds.
By the clock, and by processor time with that of the decoding processes, which other work on the
machine disturbs less. Run:

    python benchmarks/score_files.py [--files 480] [--side 224] [--turns 3] [--workers 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from subjects import make_detector, natural_like
from timing import machine, table
from torch import Tensor

from mfclip.compute.allocator import keep_freed_memory
from mfclip.compute.devices import choose_device
from mfclip.compute.precision import choose_precision
from mfclip.data.faces import planes
from mfclip.data.images import decode
from mfclip.data.loader import scoring_stream
from mfclip.inference.predict import Predictor

TARGET = 0.9
"""Least wanted share of the bare predictor's speed."""


@dataclass
class Taken:
    """Seconds of one turn."""

    clock: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assembly", default="mfclip")
    parser.add_argument("--files", type=int, default=480)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, help="decoding processes; default: as score")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    device = choose_device()
    recipe, detector = make_detector(options.assembly, device)
    predictor = Predictor(
        *(detector, recipe.preprocessor()),
        device=device,
        precision=choose_precision("auto", device),
    )
    with TemporaryDirectory() as folder:
        paths = write_files(Path(folder), options.files, options.side)
        images = [planes(decode(path)) for path in paths]
        ways = {
            "predictor alone": lambda: alone(predictor, images, options.batch),
            "files": lambda: from_files(predictor, paths, options.batch, options.workers),
        }
        rows = measured(ways, options.files, options.turns)
    result = {"machine": machine(device), "files": options.files, "rows": rows}
    told = f"{result['machine']}; {options.files} files; wanted >= {TARGET}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else told)


def write_files(folder: Path, count: int, side: int) -> list[Path]:
    paths = []
    for number, image in enumerate(natural_like(min(count, 48), side)):
        pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
        for copy in range(number, count, 48):
            paths.append(folder / f"{copy:06}.jpg")
            Image.fromarray(pixels).save(paths[-1], quality=95)
    return sorted(paths)


def alone(predictor: Predictor, images: list[Tensor], batch: int) -> np.ndarray:
    starts = range(0, len(images), batch)
    return np.concatenate([predictor(images[start : start + batch]) for start in starts])


def from_files(
    predictor: Predictor, paths: list[Path], batch: int, workers: int | None
) -> np.ndarray:
    stream = scoring_stream(iter(paths), batch_size=batch, workers=workers)
    return np.concatenate([predictor(decoded.images) for decoded in stream])


def measured(
    ways: dict[str, Callable[[], np.ndarray]], files: int, turns: int
) -> list[dict[str, object]]:
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(turns):
        found = []
        for name, way in ways.items():
            clock, processor = time.perf_counter(), spent()
            found.append(way())
            taken[name].append(Taken(time.perf_counter() - clock, spent() - processor))
        np.testing.assert_array_equal(*found)
    return [row(name, taken, files) for name in ways]


def row(name: str, taken: dict[str, list[Taken]], files: int) -> dict[str, object]:
    """Medians of the turns, beside those of the first way."""
    turns = list(zip(next(iter(taken.values())), taken[name], strict=True))
    return {
        "way": name,
        "images/s": files / statistics.median(own.clock for _, own in turns),
        "share by the clock": statistics.median(bare.clock / own.clock for bare, own in turns),
        "share by processor time": statistics.median(
            bare.processor / own.processor for bare, own in turns
        ),
    }


def spent() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    found = os.times()
    return found.user + found.system + found.children_user + found.children_system


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
