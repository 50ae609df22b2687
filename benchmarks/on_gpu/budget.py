"""A bounded time: sections run one after the other until it is used up; the rest is told."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

LEAST = 1.0
"""A section is not begun with fewer seconds than this."""


class TimeUp(BaseException):
    """The time is over. Not an Exception: compilers catch those of what they run."""


class Budget:
    """Runs sections within ``seconds`` from now.

    A section that is still running at the end is interrupted, by SIGALRM, as soon as Python runs
    again; so this works in the main thread alone.
    """

    def __init__(self, seconds: float, told: Callable[[str], None] = print) -> None:
        self._start, self._seconds, self._told = time.monotonic(), seconds, told
        self.skipped: list[str] = []
        """Sections that were not begun or not ended, with the reason."""
        self.failed: list[str] = []
        """Sections that ended with an error, with it."""
        self.taken: dict[str, float] = {}
        """Seconds of each section that was begun."""

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return self._seconds - (time.monotonic() - self._start)

    def run(self, name: str, section: Callable[[], None], least: float = LEAST) -> None:
        """Run one section, or say why not; ``least`` are the seconds that it needs."""
        if self.left < least:
            told = f"{name}: not begun, {max(self.left, 0):.0f} s were left of {least:.0f} s needed"
            self._note(self.skipped, told)
            return
        start = time.monotonic()
        try:
            with _alarm(self.left):
                section()
        except TimeUp:
            self._note(self.skipped, f"{name}: the time was over before it ended")
        except Exception as error:  # the other sections are still worth their figures
            self._note(self.failed, f"{name}: {type(error).__name__}: {_first_line(error)}")
        self.taken[name] = time.monotonic() - start

    def _note(self, place: list[str], text: str) -> None:
        place.append(text)
        self._told(text)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "without a message"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeUp` here after so many seconds."""

    def over(signum: int, frame: FrameType | None) -> None:
        raise TimeUp

    former = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
