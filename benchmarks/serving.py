"""The service under load, over real HTTP on loopback, against the bare detector on decoded images.

First the detector alone: batches of decoded images, as fast as it can. Then `mfclip serve` in a
process of its own, and clients in this one that send one JPEG a request, as many at a time as are
asked for. Every answer must be 200 and hold the score that the detector gives for its image. Run on
an otherwise idle machine:

    python benchmarks/serving.py [BUNDLE] [--requests 10000] [--clients 48] [--batch 24]
        [--side 224] [--device cpu] [--json]

Without a bundle, one of untrained weights of the assembly `mfclip` is made first.

The share is told by the clock and by the processor's time of the service alone: other work on the
machine, and the clients' own, weigh on the first and not on the second.

Wanted: no error, at least 85 % of the detector's images/s, no growth of memory after a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import torch
from PIL import Image
from subjects import make_detector, natural_like
from timing import machine, table

import mfclip
from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.inference.loaded import LoadedDetector
from mfclip.plugins.discovery import discover

IMAGES = 96
"""Different images that are sent, in turn."""
SHARE = 0.85
"""Least wanted share of the detector's images/s."""
GROWTH = 0.02
"""Largest wanted growth of memory, as a share."""
TOLERANCE = 5e-4
"""Largest difference of p_fake; a batch of another size is summed in another order."""


@dataclass
class Load:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MB, of the service; after the first tenth and at the end."""
    work: list[float] = field(default_factory=list)
    """Seconds of the service's processor before the requests and after."""
    passes: list[float] = field(default_factory=list)
    """The detector's passes, before the requests and after."""
    whole: float = 0.0
    """Seconds of all requests."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--side", type=int, default=224, help="of the images, pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.bundle = options.bundle or untrained(Path(folder) / "bundle", options.device)
        result = measure(options)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    rows = [{"what": name, "value": value} for name, value in result.items()]
    print(table(rows))


def untrained(folder: Path, device: str) -> Path:
    """A bundle of the assembly ``mfclip``: it costs what a trained one does."""
    recipe, detector = make_detector("mfclip", torch.device(device))
    write_bundle(folder, BundleContents(detector, recipe, needs=needs_of(recipe, discover())))
    return folder


def measure(options: argparse.Namespace) -> dict[str, object]:
    files = [jpeg(number, options.side) for number in range(IMAGES)]
    loaded = mfclip.load(options.bundle, device=options.device)
    expected = [score.p_fake for score in loaded.score([Image.open(io.BytesIO(f)) for f in files])]
    before = bare(loaded, files, options.batch)
    with serving(options) as url:
        load = asyncio.run(requests(url, files, expected, options))
    after = bare(loaded, files, options.batch)
    alone = Rates(*(sum(pair) / 2 for pair in zip(before, after, strict=True)))
    result = summary(load, alone, options)
    result |= {"machine": machine(loaded.device), "load average": os.getloadavg()[0]}
    return result


def jpeg(number: int, side: int) -> bytes:
    pixels = natural_like(1, side, seed=number)[0]
    image = Image.fromarray((pixels.permute(1, 2, 0) * 255).round().byte().numpy())
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Rates(NamedTuple):
    """Of the detector alone."""

    clock: float
    """Images/s."""
    work: float
    """Images in a second of the processor, all its threads together."""


def bare(loaded: LoadedDetector, files: list[bytes], batch: int) -> Rates:
    """The best of five rounds over all images, by the clock and by the processor."""
    arrays = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    images = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
    batches = [images[start : start + batch] for start in range(0, len(images), batch)]
    best = Rates(0, 0)
    for _ in range(5):
        started, work = time.perf_counter(), time.process_time()
        for one in batches:
            loaded.predictor(one)
        clock, work = time.perf_counter() - started, time.process_time() - work
        best = Rates(max(best.clock, len(images) / clock), max(best.work, len(images) / work))
    return best


@contextmanager
def serving(options: argparse.Namespace):
    """The address of a service of the bundle, in a process of its own."""
    words = ["serve", options.bundle, "--port", 0, "--device", options.device, "--no-explain"]
    words += ["--batch-size", options.batch, "--queue", 2 * options.clients]
    program = Path(sys.executable).with_name("mfclip")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([program, *map(str, words)], stderr=log)
        try:
            yield f"http://127.0.0.1:{port_of(process, log)}"
        finally:
            process.send_signal(signal.SIGTERM)
            if process.wait(60):
                raise SystemExit(f"the service ended with {process.returncode}")


def port_of(process: subprocess.Popen[bytes], log) -> int:
    for _ in range(1200):
        log.seek(0)
        if found := re.search(r'"message": "ready".*"port": (\d+)', log.read()):
            return int(found[1])
        if process.poll() is not None:
            log.seek(0)
            raise SystemExit(log.read())
        time.sleep(0.1)
    raise SystemExit("the service was not ready within two minutes")


async def requests(
    url: str, files: list[bytes], expected: list[float], options: argparse.Namespace
) -> Load:
    """Every request once, so many at a time as there are clients."""
    load, numbers = Load(), iter(range(options.requests))
    limits = httpx.Limits(max_connections=options.clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:

        async def work() -> None:
            for number in numbers:
                place = number % len(files)
                await ask(client, files[place], expected[place], load)
                if number in (options.requests // 10, options.requests - 1):
                    load.memory.append(await told(client, "process_resident_memory_bytes") / 1e6)

        for place in range(len(files)):  # to warm up
            await ask(client, files[place], expected[place], Load())
        load.work.append(await told(client, "process_cpu_seconds_total"))
        load.passes.append(await told(client, "mfclip_batch_images_count"))
        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(options.clients)))
        load.whole = time.perf_counter() - started
        load.work.append(await told(client, "process_cpu_seconds_total"))
        load.passes.append(await told(client, "mfclip_batch_images_count"))
    return load


async def ask(client: httpx.AsyncClient, file: bytes, expected: float, load: Load) -> None:
    started = time.perf_counter()
    try:
        answer = await client.post("/v1/score", files={"files": ("a.jpg", file)})
    except httpx.HTTPError as error:
        load.errors.append(type(error).__name__)
        return
    load.seconds.append(time.perf_counter() - started)
    if answer.status_code != 200:
        load.errors.append(str(answer.status_code))
        return
    (image,) = answer.json()["images"]
    if image["p_fake"] is None or abs(image["p_fake"] - expected) > TOLERANCE:
        load.errors.append(f"{image['p_fake']} in place of {expected}")


async def told(client: httpx.AsyncClient, what: str) -> float:
    """One figure that the service tells."""
    text = (await client.get("/metrics")).text
    found = re.search(rf"^{what} (\S+)$", text, re.M)
    assert found is not None, text
    return float(found[1])


def summary(load: Load, alone: Rates, options: argparse.Namespace) -> dict[str, object]:
    rate = options.requests / load.whole
    p50, p99 = np.percentile(load.seconds, [50, 99])
    first, last = load.memory
    worked = options.requests / (load.work[1] - load.work[0])
    return {
        "requests": options.requests,
        "clients": options.clients,
        "errors": len(load.errors),
        "the first of them": load.errors[0] if load.errors else "none",
        "detector alone, images/s": alone.clock,
        "service, requests/s": rate,
        f"share (wanted {SHARE})": rate / alone.clock,
        "detector alone, images in a second of the processor": alone.work,
        "service, requests in a second of the processor": worked,
        "share by the processor's time": worked / alone.work,
        "images in a pass": options.requests / (load.passes[1] - load.passes[0]),
        "p50, ms": float(1000 * p50),
        "p99, ms": float(1000 * p99),
        "memory after a tenth, MB": first,
        "memory at the end, MB": last,
        f"growth (wanted below {GROWTH})": last / first - 1,
    }


if __name__ == "__main__":
    main()
