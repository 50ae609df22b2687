"""Of several processes one speaks: the first one, or the one that failed first."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from mfclip.errors import MfclipError

if TYPE_CHECKING:
    from mfclip.ranks.place import Place
    from mfclip.ranks.world import Ranks

GRACE = 5.0
"""Seconds for which a failure is held back that the first process may have met as well: while it
says so, torchrun ends the others."""


class Voice:
    """Whether this process is heard."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.ranks: Ranks | None = None
        """The group, once the processes are one."""
        self._streams: tuple[TextIO, TextIO] | None = None

    def mute(self) -> None:
        """Say nothing from here on."""
        if self._streams is None:
            self._streams = sys.stdout, sys.stderr
            sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115

    def unmute(self) -> None:
        """Be heard again."""
        if self._streams is not None:
            sys.stdout, sys.stderr = self._streams
            self._streams = None

    def may_tell(self) -> bool:
        """Whether an error in this process is the one to be told."""
        if self.ranks is not None:
            return self.ranks.speaks_first()
        if self.place.rank:
            time.sleep(GRACE)
        return True


@contextmanager
def one_voice(place: Place) -> Iterator[Voice]:
    """Within the block the first of several processes speaks, and the others are silent.

    An error is told once, by the process that met it first. The others end silently, with the exit
    code of what happened to them.
    """
    voice = Voice(place)
    if place.rank:
        voice.mute()
    try:
        yield voice
    except BaseException as error:
        if place.count == 1 or isinstance(error, typer.Exit):
            raise
        if isinstance(error, KeyboardInterrupt) and voice.ranks is None:
            raise  # all got the signal, and the first process says so
        if not voice.may_tell():
            voice.mute()
            sys.exit(error.exit_code if isinstance(error, MfclipError) else 1)
        voice.unmute()
        raise
