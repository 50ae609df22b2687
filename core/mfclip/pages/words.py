"""Numbers as people read them."""

from __future__ import annotations

import math

from mfclip.metrics.results import Interval


def percent(share: float) -> str:
    """0-1 as ``91.2 %``; a dash where undefined."""
    return "–" if math.isnan(share) else f"{points(share)}\N{NO-BREAK SPACE}%"


def points(share: float) -> str:
    """0-1 as ``91.2``, for tables in percent; a dash where undefined."""
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def span(interval: Interval) -> str:
    """Both ends of an interval, in percent without the sign: ``88.0–94.1``."""
    if math.isnan(interval.low):
        return ""
    return f"{points(interval.low)}–{points(interval.high)}"


def power(number: float) -> str:
    """A small number as ``1e-4``."""
    mantissa, exponent = f"{number:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def magnitude(number: int) -> str:
    """A large number in three digits: ``44.1 M``."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}\N{NO-BREAK SPACE}{unit}"
    return str(number)
