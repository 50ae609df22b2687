"""What the benchmarks share: taking turns, naming the machine, Markdown tables."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

import torch

from mfclip.compute.precision import cpu_has


def fastest(ways: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Seconds of each way's fastest turn, after one to warm up.

    They take turns, so that other work on the machine weighs on all of them alike.
    """
    best = dict.fromkeys(ways, float("inf"))
    for turn in range(turns + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            wait_for_gpu()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def medians(ways: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Seconds of each way's middle turn; they take turns, after one to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            wait_for_gpu()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in taken.items()}


class Apart:
    """A way that runs in a process of its own, which keeps its memory as it likes.

    The process is the script with other arguments, and ends in :meth:`serve`.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        self._process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
        self.found = json.loads(self._answer())
        """What it gave at first."""

    def __call__(self) -> None:
        """One turn."""
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)
        self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    @staticmethod
    def serve(way: Callable[[], list[float]]) -> None:
        """Take turns until the input ends."""
        print(json.dumps(way()), flush=True)
        for _ in sys.stdin:
            way()
            print("done", flush=True)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a process of the benchmark ended with {self._process.wait()}")
        return line


def wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def native_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed and not imitated."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return cpu_has("amx_bf16") or cpu_has("avx512_bf16")


def machine(device: torch.device) -> str:
    """One line on what the figures were measured on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}"
    features = [name for name in ("amx_bf16", "avx512_bf16") if cpu_has(name)]
    return (
        f"{_processor()}, {torch.get_num_threads()} threads, bfloat16 units: "
        f"{', '.join(features) or 'none'}, PyTorch {torch.__version__}"
    )


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Markdown; the keys of the first row are the heading."""
    heading = list(rows[0])
    lines = [
        heading,
        ["---"] * len(heading),
        *([shown(row[key]) for key in heading] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
