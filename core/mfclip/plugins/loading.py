"""What goes on while a plugin loads: how long it takes, and what it prints."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SLOW = 0.5
"""Seconds; a plugin that takes longer to load is reported, since every command waits for it."""


@dataclass(slots=True)
class Watched:
    """One plugin's loading, as it was seen."""

    package: str
    """Its own top-level package."""
    before: frozenset[str]
    """Modules that were there already and so cost it nothing."""
    seconds: float = 0.0
    brought: Counter[str] = field(default_factory=Counter)
    """Modules that it was the first to import, by top-level package."""
    printed: str = ""

    def remarks(self) -> Iterator[str]:
        """What its author should change, although the plugin works."""
        if self.seconds > SLOW:
            yield (
                f"it takes {self.seconds:.2f} s to load, and every command waits for it "
                f"(reported above {SLOW} s){self._culprits()}"
            )
        if self.printed.strip():
            line = self.printed.strip().partition("\n")[0]
            yield (
                f"it prints while it loads ({line[:60]!r}), which would spoil the output of "
                "every command; it went to stderr: use logging, or leave it out"
            )

    def _culprits(self) -> str:
        """The packages that it drags in, largest first."""
        others = [f"{name} ({count} modules)" for name, count in self.brought.most_common(3)]
        return f"; it imports {', '.join(others)}: do so inside build()" if others else ""


class _Aside:
    """Stands in for stdout while a plugin loads: passes on to stderr, and remembers."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def write(self, text: str) -> int:
        self._watched.printed += text
        return sys.stderr.write(text) if sys.stderr else len(text)

    def flush(self) -> None:
        if sys.stderr:
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)  # reconfigure(), buffer, encoding, …


@contextlib.contextmanager
def watch(package: str) -> Iterator[Watched]:
    """Look on while a plugin of this package loads.

    stdout is kept clean, since commands write JSON there. Warning filters that the plugin sets
    for the whole process are set back.
    """
    watched = Watched(package, frozenset(sys.modules))
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(_Aside(watched)), warnings.catch_warnings():
            yield watched
    finally:
        watched.seconds = time.perf_counter() - start
        if watched.seconds > SLOW:
            new = (name.partition(".")[0] for name in set(sys.modules) - watched.before)
            foreign = Counter(new)
            foreign.pop(package, None)
            watched.brought = foreign
