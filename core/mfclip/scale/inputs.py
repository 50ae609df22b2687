"""Inputs of a partition as files of this machine, for as long as they are being scored.

What lies in a store or in a table is written to a scratch folder under its own ending, so that one
process and a hundred actors read it with the same code and give it the same status.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mfclip.data.images import ImageStatus
from mfclip.scale.places import is_address, opened
from mfclip.scale.tables import Item

if TYPE_CHECKING:
    from mfclip.inference.score import Score

FETCHES = 16
"""Files of a store that are fetched at a time."""


@dataclass
class _Brought:
    """An input, and where its file is."""

    name: str
    path: Path
    ours: bool
    """Whether it is a copy."""
    refused: str = ""
    """Why there is none: the store does not let it be read."""


class Bringing:
    """Gives the inputs' files, and takes their scores in the same order.

    Parameters
    ----------
    items
        The inputs; taken as they are needed, a few ahead.
    scratch
        An empty folder for the copies. Each is removed when its score is there.
    options
        Of the store.
    folder
        Where relative paths begin.
    """

    def __init__(self, items: Iterable[Item], scratch: Path, options: str, folder: str) -> None:
        self._items, self._scratch = items, scratch
        self._options, self._folder = options, folder
        self._numbers = count()
        self._given: deque[_Brought] = deque()

    def paths(self) -> Generator[Path, None, None]:
        """A file for each input, in order.

        Raises :class:`OSError` where a store cannot be reached; a file that is not in it, or may
        not be read, is given all the same and gets its status.
        """
        with ThreadPoolExecutor(FETCHES) as pool:
            waiting: deque[Future[_Brought]] = deque()
            for item in self._items:
                waiting.append(pool.submit(self._bring, item, next(self._numbers)))
                if len(waiting) == FETCHES:
                    yield self._next(waiting)
            while waiting:
                yield self._next(waiting)

    def named(self, scores: Iterable[Score]) -> Iterator[tuple[str, Score]]:
        """Each score with the name of its input."""
        for score in scores:
            one = self._given.popleft()
            if one.ours:
                with suppress(FileNotFoundError):
                    one.path.unlink()
            if one.refused:
                score = replace(score, status=ImageStatus.UNREADABLE, reason=one.refused)
            yield one.name, score

    def _next(self, waiting: deque[Future[_Brought]]) -> Path:
        one = waiting.popleft().result()
        self._given.append(one)
        return one.path

    def _bring(self, item: Item, number: int) -> _Brought:
        if item.content is None and not is_address(item.name):
            return _Brought(item.name, Path(self._folder) / item.name, ours=False)
        ending = PurePosixPath(item.name).suffix
        ending = ending if ending[1:].isalnum() and len(ending) < 8 else ""
        one = _Brought(item.name, self._scratch / f"{number}{ending}", ours=True)
        if item.content is not None:
            one.path.write_bytes(item.content)
            return one
        try:
            one.refused = self._fetch(item.name, one.path)
        except FileNotFoundError:
            one.path.unlink(missing_ok=True)
        return one

    def _fetch(self, address: str, path: Path) -> str:
        """Copy a file of a store; why it may not be read, where it is there and may not be."""
        system, key = opened(address, self._options)
        try:
            with system.open_input_stream(key) as stream, path.open("wb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
        except PermissionError as error:
            return error.strerror or str(error)
        except OSError:
            (info,) = system.get_file_info([key])
            if info.size is None and info.type:  # a folder has no size, and what is gone no type
                return "is a folder"
            raise
        return ""
