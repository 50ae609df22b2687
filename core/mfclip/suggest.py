"""Nearest matches for names that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name most like ``word``, if any is like it; case does not count."""
    by_folded = {name.casefold(): name for name in names}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing where no name is near."""
    name = nearest(word, names)
    return f"; did you mean '{name}'?" if name is not None else ""
