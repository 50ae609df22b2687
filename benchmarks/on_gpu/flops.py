"""Floating-point operations of a pass, by kind; a multiplication and an addition are two."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

CONVOLUTIONS = "convolutions"
PRODUCTS = "matrix products"
"""Attention included."""
REST = "the rest"


class Flops(NamedTuple):
    """Of one pass."""

    convolutions: int
    products: int

    @property
    def total(self) -> int:
        """Of both kinds; elementwise work is not counted, as is usual."""
        return self.convolutions + self.products


def kind_of(operation: str) -> str:
    """Which kind an operation of PyTorch is, by its name, such as ``aten::cudnn_convolution``."""
    name = operation.rpartition("::")[2].removeprefix("aten.").lower()
    if re.search(r"conv(olution|\d|_)", name):
        return CONVOLUTIONS
    if any(part in name for part in ("mm", "linear", "matmul", "attention", "gemm")):
        return PRODUCTS
    return REST


def counted(forward: Callable[[], object]) -> Flops:
    """The operations of one call, the backward pass that it makes included."""
    counter = FlopCounterMode(display=False)
    # The counter cannot see into fused kernels; attention runs as the products it stands for.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        forward()
    return by_kind({str(name): n for name, n in counter.get_flop_counts()["Global"].items()})


def by_kind(operations: Mapping[str, int]) -> Flops:
    """Sums of operations' counts."""
    sums = {CONVOLUTIONS: 0, PRODUCTS: 0}
    for name, count in operations.items():
        kind = kind_of(name)
        if kind not in sums:
            raise ValueError(f"{name!r} counts {count} operations and is of no known kind")
        sums[kind] += count
    return Flops(sums[CONVOLUTIONS], sums[PRODUCTS])
