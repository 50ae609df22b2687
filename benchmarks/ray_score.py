"""Scoring on Ray: each input once, throughput against actors, memory of the driver.

Each row is a run of `write_scores` in a fresh process, which starts Ray on this machine with as
many cores as it has actors, and scores hard links of 50 JPEG files. The rows that are written are
counted: every path must be there once. Run on an otherwise idle machine:

    python benchmarks/ray_score.py [--inputs 1000 100000] [--actors 1 2] [--partition 2400]
        [--assembly small] [--side 64] [--decoding] [--json]

`small` is a detector so small that all else is what costs; `mfclip` is the paper's, untrained.

* inputs/s: from the end of the first partition to the end of the last one, so without the start of
  Ray and of the actors.
* inputs per processor second: of the actors alone, whatever else the machine did. Times cores, it
  is what an idle machine of so many cores would give.
* driver: resident memory of this process after the first partition, after the last, and at most.
  Ray's own processes are not in it; their object store holds nothing but the bundle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--partition", type=int, default=2400)
    parser.add_argument("--assembly", choices=["small", "mfclip"], default="small")
    parser.add_argument("--side", type=int, default=64, help="pixels of the JPEG files")
    parser.add_argument("--decoding", action="store_true", help="measure JPEG decoding alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("BUNDLE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options.actors[0], options.partition)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        rows = (
            list(decoding(Path(scratch)))
            if options.decoding
            else [
                run(Path(scratch), inputs, actors, options)
                for inputs in options.inputs
                for actors in options.actors
            ]
        )
    # Imported late: with torch in it, the driver's memory would say little.
    import torch
    from timing import machine, table

    about = machine(torch.device("cpu"))
    print(json.dumps(rows, indent=2) if options.json else f"{about}\n\n{table(rows)}")


def decoding(folder: Path) -> Iterator[dict[str, float]]:
    """JPEG files that a core decodes a second, by its processor time; soft pictures with noise."""
    import numpy as np
    from PIL import Image

    from mfclip.data.images import read_picture

    draw = np.random.default_rng(0)
    for width, height, times in ((224, 224, 400), (1024, 1024, 30), (4000, 3000, 3)):
        soft = draw.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
        large = np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC))
        noisy = large.astype(np.int16) + draw.integers(-8, 9, large.shape)
        file = folder / f"{width}.jpg"
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, quality=85)
        start = time.process_time()
        for _ in range(times):
            read_picture(file)
        spent = time.process_time() - start
        size = file.stat().st_size / 1024
        yield {"width": width, "height": height, "KiB": size, "files a core second": times / spent}


def run(scratch: Path, inputs: int, actors: int, options: argparse.Namespace) -> dict[str, float]:
    """One run in a process of its own."""
    from scoring_memory import make_bundle, make_files
    from serving import untrained

    bundle = scratch / "bundle"
    if not bundle.exists():
        make_bundle(scratch) if options.assembly == "small" else untrained(bundle, "cpu")
    folder = scratch / str(inputs)
    if not folder.exists():
        make_files(scratch, inputs, options.side)
    command = [sys.executable, __file__, "--actors", str(actors)]
    command += ["--partition", str(options.partition), "--one", bundle, folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(bundle: str, folder: str, actors: int, partition: int) -> dict[str, float]:
    """Score, count what was written, and say what it took."""
    from mfclip.scale import How, write_scores
    from mfclip.scale.crew import ray_library

    ray = ray_library()
    ray.init(num_cpus=actors, log_to_driver=False, include_dashboard=False)
    watch = Watch()
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        write_scores(
            [folder], bundle, out, How(), actors=actors, partition=partition, progress=watch
        )
        whole = time.perf_counter() - start
        ray.shutdown()
        paths = paths_in(out)
    inputs = sum(1 for _ in os.scandir(folder))
    assert len(paths) == len(set(paths)) == inputs, "every input has one row"
    (first, before), (last, done) = watch.moments[0], watch.moments[-1]
    return {
        "inputs": inputs,
        "actors": actors,
        "s": round(whole, 1),
        "inputs/s": round((done - before) / max(last - first, 1e-9), 1),
        "per processor s": round((done - before) / max(watch.work[-1] - watch.work[0], 1e-9), 1),
        "driver ms a partition": round(1000 * watch.own / len(watch.moments), 2),
        "partitions": len(watch.moments),
        "driver, MiB": round(watch.memory[0], 1),
        "at the end": round(watch.memory[-1], 1),
        "at most": round(max(watch.memory), 1),
    }


class Watch:
    """Takes notes at each partition: when it ended, and the actors' processor time so far."""

    def __init__(self) -> None:
        self.moments: list[tuple[float, int]] = []
        self.work: list[float] = []
        self.memory: list[float] = []
        """MiB, of this process."""
        self.own = 0.0
        """Processor seconds of this process, without those of taking notes."""
        self._since = time.process_time()
        self._of: dict[int, float] = {}

    def __call__(self, done: int, total: int) -> None:
        import psutil

        self.own += time.process_time() - self._since if self.moments else 0.0
        for one in psutil.Process().children(recursive=True):
            try:
                if "".join(one.cmdline()[:1]).startswith("ray::Worker"):
                    times = one.cpu_times()
                    self._of[one.pid] = times.user + times.system
            except psutil.NoSuchProcess:
                continue
        self.memory.append(psutil.Process().memory_info().rss / 2**20)
        self.moments.append((time.perf_counter(), done))
        self.work.append(sum(self._of.values()))
        self._since = time.process_time()


def paths_in(out: str) -> list[str]:
    from pyarrow import dataset

    return list(dataset.dataset(out).to_table(columns=["path"])["path"].to_pylist())


if __name__ == "__main__":
    main()
