"""The service under load, over real HTTP on loopback, against the bare detector on decoded images.

First the detector alone: batches of decoded images, as fast as it can. Then `mfclip serve` in a
process of its own, and clients in this one that send one JPEG a request, as many at a time as are
asked for. Every answer must be 200 and hold the score that the detector gives for its image. Run on
an otherwise idle machine:

    python benchmarks/serving.py BUNDLE [--requests 10000] [--clients 48] [--batch 24]
        [--side 224] [--device cpu] [--json]

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

import httpx
import numpy as np
import torch
from patch_selection import natural_like
from PIL import Image
from timing import machine, table

import mfclip

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
    whole: float = 0.0
    """Seconds of all requests."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--side", type=int, default=224, help="of the images, pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = [jpeg(number, options.side) for number in range(IMAGES)]
    loaded = mfclip.load(options.bundle, device=options.device)
    expected = [score.p_fake for score in loaded.score([Image.open(io.BytesIO(f)) for f in files])]
    alone = bare(loaded, files, options.batch)
    with serving(options) as url:
        load = asyncio.run(requests(url, files, expected, options))
    after = bare(loaded, files, options.batch)
    result = summary(load, (alone + after) / 2, options)
    result |= {"machine": machine(loaded.device), "load average": os.getloadavg()[0]}
    if options.json:
        print(json.dumps(result, indent=2))
        return
    rows = [{"what": name, "value": value} for name, value in result.items()]
    print(table(rows))


def jpeg(number: int, side: int) -> bytes:
    pixels = natural_like(1, side, seed=number)[0]
    image = Image.fromarray((pixels.permute(1, 2, 0) * 255).round().byte().numpy())
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def bare(loaded: mfclip.inference.loaded.LoadedDetector, files: list[bytes], batch: int) -> float:
    """Images/s of the detector alone: the best of five rounds over all images."""
    arrays = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    images = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
    batches = [images[start : start + batch] for start in range(0, len(images), batch)]
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        for one in batches:
            loaded.predictor(one)
        best = max(best, len(images) / (time.perf_counter() - started))
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
                    load.memory.append(await memory(client))

        for place in range(len(files)):  # to warm up
            await ask(client, files[place], expected[place], Load())
        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(options.clients)))
        load.whole = time.perf_counter() - started
    return load


async def ask(client: httpx.AsyncClient, file: bytes, expected: float, load: Load) -> None:
    started = time.perf_counter()
    answer = await client.post("/v1/score", files={"files": ("a.jpg", file)})
    load.seconds.append(time.perf_counter() - started)
    if answer.status_code != 200:
        load.errors.append(str(answer.status_code))
        return
    (image,) = answer.json()["images"]
    if image["p_fake"] is None or abs(image["p_fake"] - expected) > TOLERANCE:
        load.errors.append(f"{image['p_fake']} in place of {expected}")


async def memory(client: httpx.AsyncClient) -> float:
    text = (await client.get("/metrics")).text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.M)
    assert found is not None, text
    return float(found[1]) / 1e6


def summary(load: Load, alone: float, options: argparse.Namespace) -> dict[str, object]:
    rate = options.requests / load.whole
    p50, p99 = np.percentile(load.seconds, [50, 99])
    first, last = load.memory
    return {
        "requests": options.requests,
        "clients": options.clients,
        "errors": len(load.errors),
        "detector alone, images/s": alone,
        "service, requests/s": rate,
        f"share (wanted {SHARE})": rate / alone,
        "p50, ms": float(1000 * p50),
        "p99, ms": float(1000 * p99),
        "memory after a tenth, MB": first,
        "memory at the end, MB": last,
        f"growth (wanted below {GROWTH})": last / first - 1,
    }


if __name__ == "__main__":
    main()
