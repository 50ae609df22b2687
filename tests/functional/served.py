"""``mfclip serve`` as a process of its own, for the tests of the service and of its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUNDLE = Path(__file__).parents[1] / "contract/golden/bundle"
SECONDS = 300


@dataclass
class Served:
    """A service that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        """Of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def served(folder: Path, *options: object, bundle: Path = BUNDLE) -> Iterator[Served]:
    """A bundle behind a free port until the block ends; its words' paths start in ``folder``."""
    log = folder / "service.log"
    program = Path(sys.executable).with_name("mfclip")
    words = [program, "serve", bundle, "--port", "0", "--device", "cpu", *options]
    (folder / "tmp").mkdir(exist_ok=True)
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=folder,
            env=os.environ | {"TMPDIR": str(folder / "tmp")},
        )
    try:
        ready = _ready(process, log)
        yield Served(process, log, ready["port"])
    finally:
        process.kill()
        process.wait(SECONDS)


def _ready(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if '"message": "ready"' in line and line.endswith("}"):
                found: dict[str, Any] = json.loads(line)
                return found
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"not ready within {SECONDS} s: {log.read_text()}")
