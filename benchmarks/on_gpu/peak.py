"""The most a device can compute: by its data sheet, and as a large matrix product finds it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import torch

from on_gpu.timed import seconds_per_call

SHEETS = (
    (r"\bB200\b", 2250.0),
    (r"\bH100 NVL\b", 835.0),
    (r"\bH100 PCIe\b", 756.0),
    (r"\bH[12]00\b", 989.4),
    (r"\bGH200\b", 989.4),
    (r"\bA100\b", 312.0),
    (r"\bL40S\b", 362.0),
    (r"\bL4\b", 121.0),
)
"""TFLOP/s in bfloat16 without sparsity, of tensor cores, by the makers' data sheets; by the name
that CUDA gives the device, the first that fits."""
GIGA, TERA = 1e9, 1e12


class Peak(NamedTuple):
    """What shares are shares of."""

    sheet: float | None
    """TFLOP/s in bfloat16 by the data sheet; None: not known, or not computed in bfloat16."""
    product: float
    """TFLOP/s of a large matrix product, measured."""
    copy: float
    """GB/s of a large copy within the device, read and written, measured."""

    @property
    def tflops(self) -> float:
        """By the data sheet, where it is known; else what was measured."""
        return self.sheet or self.product

    @property
    def origin(self) -> str:
        """Where :attr:`tflops` is from."""
        return "data sheet, bf16" if self.sheet else "measured matrix product"

    def share(self, flops: float, seconds: float) -> float:
        """Of the peak, 0-1."""
        return flops / seconds / (self.tflops * TERA)


def sheet_peak(name: str, precision: torch.dtype) -> float | None:
    """TFLOP/s by the data sheet of the device called so."""
    if precision != torch.bfloat16:
        return None
    return next((peak for pattern, peak in SHEETS if re.search(pattern, name)), None)


def measured_peak(device: torch.device, precision: torch.dtype, seconds: float) -> Peak:
    """Multiply and copy for ``seconds`` each."""
    on_gpu = device.type == "cuda"
    side = 8192 if on_gpu else 512
    left, right = (torch.randn(side, side, device=device, dtype=precision) for _ in range(2))
    numbers = torch.zeros(2**28 if on_gpu else 2**20, device=device)
    into = torch.empty_like(numbers)
    copying: Callable[[], object] = lambda: into.copy_(numbers)  # noqa: E731
    product = seconds_per_call(lambda: left @ right, seconds)
    copy = seconds_per_call(copying, seconds)
    name = torch.cuda.get_device_name(device) if on_gpu else ""
    return Peak(
        sheet_peak(name, precision),
        2 * side**3 / product / TERA,
        2 * numbers.nbytes / copy / GIGA,
    )
