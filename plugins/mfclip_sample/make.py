"""Make a sample set: plan it, draw it in several processes, publish it whole."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mfclip.compute.cores import cores
from mfclip.data.manifest import Manifest, write_manifest
from mfclip.errors import DataError
from mfclip.locks import CannotWriteError, holding
from mfclip_sample.place import Stamp, appearing, is_finished
from mfclip_sample.plan import Item, plan

MANIFEST = "manifest.csv"
FEW = 24
"""Images that one process makes sooner than another would have started."""
WORKER_SETTINGS = {
    # The workers fill the cores between them.
    "OMP_NUM_THREADS": "1",
    # glibc gives memory back after each picture and asks for it again: a sixth of the time.
    "MALLOC_TOP_PAD_": str(64 << 20),
}
Progress = Callable[[int, int], None]

README = """\
SYNTHETIC IMAGES. Nobody in them exists.

Faces drawn by a program, photographed by a simulated camera (real/) or sent through simplified
imitations of forging methods (fake/toy-...). Made to try out and test mfclip. How well a detector
does on them says nothing about real forgeries.
"""


def make_sample(
    folder: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the sample set to ``folder`` and return its manifest; reuse it where it is there.

    ``images`` in all, half of them fake, each ``size`` pixels wide and high. On one machine with
    one set of libraries the same arguments give the same bytes, whatever the number of
    ``workers`` (processes; without it one a core). ``progress`` is told how many pictures of how
    many are done. The folder appears when it is complete; an interrupted run leaves none.

    Raises :class:`UsageError` for arguments out of range, :class:`DataError` where the folder
    holds something else or cannot be written.
    """
    items, stamp = plan(images, size, seed), Stamp(images, size, seed)
    if is_finished(folder, stamp):
        return folder / MANIFEST
    try:
        with holding(folder, waiting=_warn):
            if is_finished(folder, stamp):  # another process drew it meanwhile
                return folder / MANIFEST
            with appearing(folder, stamp) as partial:
                _prepare(partial, items)
                done = _draw(partial, items, stamp, _share_out(images, workers))
                for count, _ in enumerate(done, start=1):
                    if progress:
                        progress(count, images)
    except (OSError, CannotWriteError) as error:
        raise DataError(
            f"{folder}: the sample set cannot be written there: {error}; "
            "MFCLIP_CACHE names another folder for sample sets"
        ) from error
    return folder / MANIFEST


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def _prepare(folder: Path, items: tuple[Item, ...]) -> None:
    for place in {item.row.path.parent for item in items}:
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(README, encoding="utf-8")
    write_manifest(Manifest(folder, tuple(item.row for item in items)), folder / MANIFEST)


def _share_out(images: int, workers: int | None) -> int:
    if workers is None:
        return max(1, min(cores(), images // FEW))
    return max(1, min(workers, images))


def _draw(folder: Path, items: tuple[Item, ...], stamp: Stamp, workers: int) -> Iterator[object]:
    """Make every picture; yields once for each."""
    if workers == 1:
        from mfclip_sample.produce import produce

        for item in items:
            produce(item, folder, size=stamp.size, seed=stamp.seed)
            yield item
        return
    with _crew(folder, stamp, workers) as lines:
        yield from lines


@contextmanager
def _crew(folder: Path, stamp: Stamp, workers: int) -> Iterator[Iterator[bytes]]:
    """Worker processes, and the lines they print into one common pipe.

    They are plain commands and no ``multiprocessing`` pool: that would run the caller's main
    script again in each of them, or fork a process in which torch already has its threads.
    """
    reading, writing = os.pipe()
    numbers = (stamp.images, stamp.size, stamp.seed)
    crew: list[subprocess.Popen[bytes]] = []
    try:
        try:
            for share in range(workers):
                crew.append(_hire(folder, (*numbers, share, workers), writing))
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as lines:
            yield lines
        for process in crew:
            _, complaint = process.communicate()
            if process.returncode:
                raise DataError(f"a worker of the sample set failed: {complaint.decode().strip()}")
    finally:
        for process in crew:
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()


def _hire(folder: Path, numbers: tuple[int, ...], writing: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mfclip_sample.worker", str(folder), *map(str, numbers)]
    environment = os.environ | WORKER_SETTINGS | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=environment)
