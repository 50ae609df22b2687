"""Comparisons of named results, told in the words of a message."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mfclip.testing.faults import Fault

Results = Mapping[str, Tensor]


def finite_or_fault(results: Results, situation: str) -> None:
    """Raise :class:`Fault` for a NaN or an infinity."""
    for name, value in results.items():
        if not torch.isfinite(value).all():
            raise Fault(
                f"{name} is not finite for {situation}",
                received=f"{int((~value.isfinite()).sum())} of {value.numel()} values not finite",
                expected="finite numbers",
                advice="look for a division by, or a logarithm or root of, zero",
            )


def equal_or_fault(first: Results, second: Results, what: str, *, advice: str = "") -> None:
    """Raise :class:`Fault` unless the values are the same bit for bit."""
    for name, value in first.items():
        if not torch.equal(value, second[name]):
            raise Fault(
                f"{what}: {name}",
                received=f"values that differ by up to {_largest(value, second[name]):.3g}",
                expected="the same values, bit for bit",
                advice=advice,
            )


def close_or_fault(
    first: Results, second: Results, what: str, *, tolerance: float, advice: str = ""
) -> None:
    """Raise :class:`Fault` where the second differs from the first by more than ``tolerance``.

    The largest difference is taken relative to the largest value of the first, or to 1e-3
    where that is smaller.
    """
    for name, value in first.items():
        other = second[name].to(value.dtype)
        scale = max(float(value.abs().max()), 1e-3)
        distance = _largest(value, other) / scale
        if not distance <= tolerance:
            raise Fault(
                f"{what}: {name}",
                received=f"values that differ by {distance:.3g} of the largest",
                expected=f"at most {tolerance:.3g}",
                advice=advice,
            )


def _largest(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())
