"""How fast images come: decoding in workers against one after the other in the training loop.

Every figure is of one run on the same JPEG files, so compare the ratios. ``waits``: the share of
its time that a device spends waiting, where a step takes it ``--step`` milliseconds (it sleeps,
as a CPU does while a GPU works). Run:

    python benchmarks/loader.py [--images 960] [--side 256] [--size 224] [--step 50] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mfclip.data.audit import audit
from mfclip.data.labels import LABELS, HierarchicalLabel
from mfclip.data.loader import training_loader
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.recipe.settings import PreprocessingSettings

BATCH = 24
CPU = torch.device("cpu")
Batches = Callable[[], Iterable[Tensor]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--side", type=int, default=256, help="of the files, pixels")
    parser.add_argument("--size", type=int, default=224, help="of the detector's input, pixels")
    parser.add_argument("--step", type=float, default=50, help="of the device, milliseconds")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = make_images(Path(folder), options.images, options.side)
        rows = measure(manifest, options)
        rows.append(
            {"what": "data check", "images_per_s": len(manifest) / seconds_of_audit(manifest)}
        )
    print(json.dumps(rows, indent=2) if options.json else table(rows))


def measure(manifest: Manifest, options: argparse.Namespace) -> list[dict[str, float | str]]:
    ways: dict[str, Batches] = {"in the loop, one by one": lambda: naive(manifest, options.size)}
    for workers in options.workers:
        ways[f"loader, {workers} workers"] = lambda workers=workers: ours(
            manifest, options.size, workers
        )
    return [{"what": what} | figures(batches, manifest, options) for what, batches in ways.items()]


def figures(
    batches: Batches, manifest: Manifest, options: argparse.Namespace
) -> dict[str, float | str]:
    whole = middle(lambda: drain(batches()), options.repeats)
    return {
        "images_per_s": len(manifest) / whole,
        "first_batch_s": middle(lambda: next(iter(batches())), options.repeats),
        "waits": waiting_share(batches(), options.step / 1000),
    }


def naive(manifest: Manifest, size: int) -> Iterator[Tensor]:
    """What most training scripts do: Pillow decodes and resizes, float on the CPU."""
    files = manifest.files()
    for start in range(0, len(files), BATCH):
        images = []
        for file in files[start : start + BATCH]:
            image = Image.open(file).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)
        yield torch.stack(images)


def ours(manifest: Manifest, size: int, workers: int) -> Iterator[Tensor]:
    prepare = Preprocessor(PreprocessingSettings(size=size))
    batches = training_loader(manifest, None, batch_size=BATCH, seed=0, epoch=0, workers=workers)
    for batch in batches:
        yield prepare(batch.images, CPU)


def drain(batches: Iterable[Tensor]) -> None:
    for _ in batches:
        pass


def middle(task: Callable[[], object], repeats: int) -> float:
    """Median seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def waiting_share(batches: Iterable[Tensor], step: float) -> float:
    """Share of the time from the first batch on that is no step of the device."""
    stream = iter(batches)
    next(stream)
    start, steps = time.perf_counter(), 0
    for _ in stream:
        time.sleep(step)
        steps += 1
    return 1 - steps * step / (time.perf_counter() - start)


def seconds_of_audit(manifest: Manifest) -> float:
    return middle(lambda: audit(manifest), 1)


def make_images(folder: Path, count: int, side: int) -> Manifest:
    """Smooth pictures with a little noise, as JPEG: decoding takes as long as for photos."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (12, 12, 3), np.uint8))
        smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + draw.normal(0, 6, smooth.shape)
        name = f"{number:06}.jpg"
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name, quality=90)
        rows.append(Row(Path(name), HierarchicalLabel(LABELS[number % 2]), "train"))
    return Manifest(folder, tuple(rows))


def table(rows: list[dict[str, float | str]]) -> str:
    base = float(rows[0]["images_per_s"])
    lines = [
        f"{os.cpu_count()} cores, batch {BATCH}",
        "",
        "| | images/s | ratio | first batch, s | device waits |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        speed = float(row["images_per_s"])
        rest = f"{row['first_batch_s']:.2f} | {row['waits']:.0%}" if "waits" in row else "| "
        lines.append(f"| {row['what']} | {speed:.0f} | {speed / base:.2f} | {rest} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
