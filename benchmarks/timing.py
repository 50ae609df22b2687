"""What the benchmarks share: taking turns, naming the machine, Markdown tables."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
