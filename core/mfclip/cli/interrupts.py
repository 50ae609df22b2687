"""Being stopped by a signal: Ctrl-C, ``kill``, a closed terminal, the end of a batch job.

The signal becomes an exception, so that whatever is under way cleans up behind itself: worker
processes end, unfinished folders go, checkpoints stay. Then the command says one line and ends with
the exit code that shells have for it: 128 and the number of the signal.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
"""Exit codes after SIGINT, SIGTERM and SIGHUP: 128 and the number of the signal."""
GRACE = 2.0
"""Seconds in which further signals are taken for the first one: many senders signal the process
and then its group. A later one ends the process at once."""

AGAIN = 0.02
"""Seconds after which a signal comes again that was put off, or whose exception Python dropped."""

_WHOLE = frozenset({"__enter__", "__exit__"})
"""Functions that a signal does not break off, but for :data:`GRACE` at most."""

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "terminal closed"}


class Stopped(KeyboardInterrupt):
    """A signal came. Its notes say how to go on.

    It is a KeyboardInterrupt, so that libraries let it through as they let Ctrl-C through.
    """


class Stop:
    """Takes the signals of one command."""

    def __init__(self) -> None:
        self.raised: Stopped | None = None
        self.number = 0
        self._at = 0.0
        self._again: threading.Timer | None = None
        self._process = os.getpid()

    @property
    def exit_code(self) -> int:
        """130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.number

    def told(self) -> str:
        """One line for the user."""
        word = _WORDS[signal.Signals(self.number).name]
        notes = getattr(self.raised, "__notes__", [])
        return "; ".join([word, *dict.fromkeys(notes)])

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler.

        A worker process that was forked has it as well, until it sets its own. There Ctrl-C is
        left to the one that started it, and SIGTERM ends it without a word.
        """
        if os.getpid() != self._process:
            if number != signal.SIGINT:
                os._exit(128 + number)
            return
        now = time.monotonic()
        if self.raised is not None:
            if now - self._at > GRACE:
                os._exit(128 + number)
            return
        if not self.number:
            self.number, self._at = number, now
        if frame is not None and frame.f_code.co_name in _WHOLE and now - self._at < GRACE:
            # Between taking a lock and saying so, an exception leaves it taken for ever; queues of
            # worker processes then wait for it when the command ends.
            self._send_again()
            return
        # Worker processes got the same signal and end; torch would raise an error for each.
        if hasattr(signal, "SIGCHLD") and callable(signal.getsignal(signal.SIGCHLD)):
            signal.signal(signal.SIGCHLD, _look_away)
        self.raised = Stopped(signal.Signals(number).name)
        raise self.raised

    def unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Raise it again, a little later, where Python had to drop it.

        It drops what is raised while a process is forked, or in a destructor.
        """
        if lost.exc_value is None or lost.exc_value is not self.raised:
            sys.__unraisablehook__(lost)
            return
        self.raised = None
        self._send_again()

    def _send_again(self) -> None:
        """The signal once more, a little later. It wakes a main thread that waits, where it can."""
        main = threading.main_thread().ident
        if main is not None and hasattr(signal, "pthread_kill"):
            self._again = threading.Timer(AGAIN, signal.pthread_kill, (main, self.number))
        else:  # Windows
            self._again = threading.Timer(AGAIN, _thread.interrupt_main, (self.number,))
        self._again.daemon = True
        self._again.start()

    def settle(self) -> None:
        """What has not come by now comes no more: the command has ended."""
        if self._again is not None:
            self._again.cancel()


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within the block, SIGINT, SIGTERM and SIGHUP raise :class:`Stopped`, once.

    It ends the command: whatever the block raises then, one line and the exit code are those of
    the signal. A signal that was ignored when the command began stays so, as nohup wants it.
    """
    stop = Stop()
    earlier: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _WORDS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                earlier[number] = signal.signal(number, stop.receive)
        sys.unraisablehook = stop.unraisable
    try:
        yield stop
    except BaseException:
        if stop.raised is None:
            raise
        with suppress(OSError):  # the terminal may be gone
            print(stop.told(), file=sys.stderr)
        sys.exit(stop.exit_code)
    finally:
        stop.settle()
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def goes_on(advice: str) -> Iterator[None]:
    """Where the block is stopped by a signal, the line that is said of it ends with the advice."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(advice)
        raise


def _look_away(number: int, frame: FrameType | None) -> None:
    """Instead of torch's own handler."""
