"""Fitted thresholds against every threshold there is, on thousands of small awkward tables."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from math import inf, nextafter

import numpy as np
import pytest

from mfclip.metrics.operating import alarm_threshold, balanced_threshold

TABLES = 10_000
TINY = 5e-324
"""The smallest number above 0."""
AWKWARD = (
    (0.0, 1.0),
    (0.0, TINY, 2 * TINY, 3 * TINY, 1e-310, 2.3e-308),
    (1.0, nextafter(1.0, 0), 1 - 2**-52, 0.0),
    (0.5, nextafter(0.5, 0), nextafter(0.5, 1), nextafter(nextafter(0.5, 1), 1)),
    (0.0, TINY, 0.25, 0.5, 0.75, nextafter(1.0, 0), 1.0),
    tuple(i / 7 for i in range(8)),
)
Scores = Sequence[float]


def small_tables(count: int, largest: int = 9):
    """Scores of reals and of fakes, with many ties; at least one of each."""
    rng = random.Random(7)
    for number in range(count):
        values = AWKWARD[number % len(AWKWARD)]
        yield tuple(
            [rng.choice(values) for _ in range(rng.randint(1, largest))] for _ in ("real", "fake")
        )


def every_threshold(reals: Scores, fakes: Scores) -> list[float]:
    """Of the thresholds in 0-1, one for each set of images that any of them flags."""
    above = [nextafter(score, inf) for score in (*reals, *fakes)]
    return [cut for cut in (0.0, *above, 1.0) if cut <= 1]


def flagged(scores: Scores, cut: float) -> Fraction:
    return Fraction(sum(score >= cut for score in scores), len(scores))


def balance(reals: Scores, fakes: Scores, cut: float) -> Fraction:
    return (flagged(fakes, cut) + 1 - flagged(reals, cut)) / 2


def arrays(reals: Scores, fakes: Scores):
    return np.array([*reals, *fakes]), np.array([False] * len(reals) + [True] * len(fakes))


def test_no_threshold_is_better_balanced():
    worse = []
    for reals, fakes in small_tables(TABLES):
        chosen = balanced_threshold(*arrays(reals, fakes))
        best = max(balance(reals, fakes, cut) for cut in every_threshold(reals, fakes))
        if not 0 <= chosen <= 1 or balance(reals, fakes, chosen) != best:
            worse.append((reals, fakes, chosen, best))
    assert not worse, f"{len(worse)} of {TABLES} tables, the first: {worse[0]}"


@pytest.mark.parametrize("limit", [0.1, 0.25, 1 / 3, 1 / 49, 0.5])
def test_no_lower_threshold_keeps_the_limit(limit):
    wrong, fitted = [], 0
    for reals, fakes in small_tables(TABLES // 5, largest=60 if limit < 0.1 else 15):
        found = alarm_threshold(*arrays(reals, fakes), limit)
        kept = [c for c in every_threshold(reals, fakes) if float(flagged(reals, c)) <= limit]
        possible = bool(kept) and float(Fraction(1, len(reals))) <= limit
        if found.threshold is None or not possible:
            wrong += [(reals, fakes, found)] if possible or found.threshold is not None else []
            continue
        fitted += 1
        # The same images are flagged as by the lowest one: it may lie midway to a score below.
        same = [score for score in (*reals, *fakes) if score >= min(kept)]
        if [score for score in (*reals, *fakes) if score >= found.threshold] != same:
            wrong.append((reals, fakes, found, min(kept)))
    assert not wrong, f"{len(wrong)} tables, the first: {wrong[0]}"
    assert fitted > 100


@pytest.mark.parametrize(
    ("reals", "fakes", "chosen"),
    [
        ([0.0, 1.0], [0.0], 0.0),  # only 0 flags the fake
        ([0.2, 0.8], [0.2], 0.1),  # without a score of 0 it stays midway
    ],
)
def test_flagging_everything_is_among_the_thresholds(reals, fakes, chosen):
    assert balanced_threshold(*arrays(reals, fakes)) == chosen
