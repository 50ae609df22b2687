"""Where a sample set lies, and how it gets there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mfclip.errors import DataError
from mfclip.files import cache_folder
from mfclip_sample.plan import VERSION

STAMP = "sample.json"
"""Says what a finished folder holds; written last."""
FORGOTTEN = 3600.0
"""Seconds after which an unfinished folder can only be left over from a killed run."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a sample set was made from."""

    images: int
    size: int
    seed: int
    version: int = VERSION
    synthetic: bool = True


def sample_folder(images: int, size: int, seed: int) -> Path:
    """Where the set with these arguments is cached.

    Below :func:`mfclip.files.cache_folder`. The name holds the generator's version: a newer one
    makes a new folder.
    """
    return cache_folder() / f"sample-v{VERSION}-{images}x{size}px-seed{seed}"


def is_finished(folder: Path, stamp: Stamp) -> bool:
    """True where the folder holds this very set, false where there is nothing.

    Raises :class:`DataError` where it holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    found = _read_stamp(folder)
    if found == asdict(stamp):
        return True
    raise DataError(
        f"{folder}: holds {found or 'something else than a sample set'}, asked for was "
        f"{asdict(stamp)}; choose another folder, or remove this one"
    )


def _read_stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def appearing(folder: Path, stamp: Stamp) -> Iterator[Path]:
    """A temporary sibling that becomes ``folder`` when the block ends well, and else goes away.

    Where another process finished the same set first, its folder stays and ours goes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    made = tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent)
    partial = Path(made)
    try:
        yield partial
        (partial / STAMP).write_text(json.dumps(asdict(stamp), indent=1) + "\n", encoding="utf-8")
        partial.chmod(0o777 & ~_umask())
        _publish(partial, folder, stamp)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, folder: Path, stamp: Stamp) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not is_finished(folder, stamp):
            raise


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed outright has left behind."""
    for partial in folder.parent.glob(f".{folder.name}.*.partial"):
        if time.time() - partial.stat().st_mtime > FORGOTTEN:
            shutil.rmtree(partial, ignore_errors=True)


def _umask() -> int:
    """The process's file mode mask; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
