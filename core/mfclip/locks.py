"""One process at a time writes a folder or a file: who comes second is told, or waits.

A lock is a file beside its target, ``.NAME.lock``, which the system locks for the process that
holds it and lets go when that process ends, however it ends. So a lock is never stale; a file that
a killed process left there is locked by nobody and is taken over. The file names its holder, for
the message that the second one gets.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mfclip.errors import UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PAUSE = 0.2
"""Seconds between two looks at a lock that is waited for."""
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
_held: dict[Path, tuple[int, int]] = {}
"""File descriptor and thread of each lock that this process holds."""


class CannotWriteError(UsageError):
    """Nothing can be written beside the target."""


@dataclass(frozen=True)
class Holder:
    """Who writes."""

    pid: int
    host: str
    since: str
    """Local time, ISO 8601."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def holding(target: Path, *, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Within the block, no other process and no other thread may hold ``target``.

    A thread that holds it already may do so again. The target need not exist; the folder above it
    is made.

    Parameters
    ----------
    waiting
        Wait until the other is done, and tell this who it is, once. Without it, refuse at once.

    Raises
    ------
    UsageError
        Where somebody else holds it and ``waiting`` is None: pid, host and since when.
    CannotWriteError
        Where nothing can be written beside the target.
    """
    file = lock_file(target)
    own = _held.get(file)
    if own is not None and own[1] == threading.get_ident():
        yield
        return
    handle = _take(file, target, waiting)
    _held[file] = (handle, threading.get_ident())
    try:
        yield
    finally:
        del _held[file]
        _give_back(file, handle)


def lock_file(target: Path) -> Path:
    """The file beside ``target`` that stands for it."""
    target = target.absolute()
    return target.with_name(f".{target.name}.lock")


def _take(file: Path, target: Path, waiting: Callable[[str], None] | None) -> int:
    """Open and lock the file; its handle."""
    told = False
    while True:
        handle = _open(file, target)
        if _lock(handle) and _is_there(handle, file):
            _sign(handle)
            return handle
        holder = _read(handle)
        os.close(handle)
        if waiting is None:
            raise UsageError(_refusal(target, holder))
        if not told:
            waiting(f"{target} is being written by {holder or 'another process'}; waiting for it")
            told = True
        time.sleep(PAUSE)


def _open(file: Path, target: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CannotWriteError(
            f"{target} cannot be written: {error.strerror or error} ({file}); choose another place"
        ) from error


def _give_back(file: Path, handle: int) -> None:
    """Remove the file while it is still locked, so that nobody can have it in between."""
    if sys.platform == "win32":
        os.close(handle)
        with suppress(OSError):
            file.unlink()
        return
    with suppress(OSError):
        file.unlink()
    os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file unless another has; False where it has."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def _is_there(handle: int, file: Path) -> bool:
    """Whether the locked file is still the one of that name; its holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except OSError:
        return False


def _sign(handle: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = json.dumps(asdict(Holder(os.getpid(), socket.gethostname(), since)))
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, text.encode())


def _read(handle: int) -> Holder | None:
    """Who signed; None where that cannot be read."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        return Holder(**json.loads(os.read(handle, 4096)))
    except (OSError, ValueError, TypeError):
        return None


def _refusal(target: Path, holder: Holder | None) -> str:
    return (
        f"{target} is being written by {holder or 'another process'}: wait until it is done, end "
        "it, or choose another place"
    )


def _forget() -> None:
    """In a forked child: its copies of the handles would hold the locks after their owner's end."""
    for handle, _ in _held.values():
        with suppress(OSError):
            os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
