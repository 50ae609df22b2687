"""Score tables made up for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from mfclip.metrics.scores import ScoreTable


def make_table(
    is_fake: Sequence[Any] | np.ndarray,
    log_odds: Sequence[float] | np.ndarray,
    **columns: Sequence[str] | np.ndarray,
) -> ScoreTable:
    """A table with the columns given and every other column of text empty."""
    n = len(is_fake)
    text = {name: np.full(n, "") for name in ("group", "forgery", "family", "generator")}
    text |= {
        "identity": np.full(n, ""),
        "video": np.full(n, ""),
        "path": np.array([f"{i:05d}.png" for i in range(n)]),
    }
    text |= {name: np.array(values, dtype=np.str_) for name, values in columns.items()}
    return ScoreTable(
        log_odds=np.asarray(log_odds, dtype=np.float64),
        is_fake=np.asarray(is_fake, dtype=bool),
        **text,
    )


def draw_table(n: int, seed: int = 0, shift: float = 2.0, **columns: Any) -> ScoreTable:
    """Half fakes, log-odds from two normal distributions ``shift`` apart."""
    rng = np.random.default_rng(seed)
    is_fake = rng.random(n) < 0.5
    return make_table(is_fake, rng.normal(size=n) + shift * (is_fake - 0.5), **columns)


@pytest.fixture
def table_of() -> Callable[..., ScoreTable]:
    return make_table


@pytest.fixture
def drawn() -> Callable[..., ScoreTable]:
    return draw_table
