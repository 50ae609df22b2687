from __future__ import annotations

import math

import pytest

from mfclip.metrics.results import Interval
from mfclip.pages.words import magnitude, percent, points, power, span
from mfclip.text import counted

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 fakes"), (1, "1 fake"), (2, "2 fakes"), (2400, "2,400 fakes")]
)
def test_counts(number, text):
    assert counted(number, "fake") == text


def test_shares():
    assert percent(0.9123) == f"91.2{SPACE}%"
    assert points(0.9123) == "91.2"
    assert percent(math.nan) == points(math.nan) == "–"


def test_spans():
    assert span(Interval(value=0.5, low=0.412, high=0.6)) == "41.2–60.0"
    assert span(Interval(value=math.nan, low=math.nan, high=math.nan)) == ""


@pytest.mark.parametrize(
    ("number", "text"), [(1e-4, "1e-4"), (1e-5, "1e-5"), (2.5e-4, "2.5e-4"), (0.01, "1e-2")]
)
def test_learning_rates(number, text):
    assert power(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1026, f"1.03{SPACE}k"),
        (44_140_000, f"44.1{SPACE}M"),
        (358_120_000_000, f"358{SPACE}G"),
        (2 * 10**12, f"2{SPACE}T"),
    ],
)
def test_magnitudes(number, text):
    assert magnitude(number) == text
