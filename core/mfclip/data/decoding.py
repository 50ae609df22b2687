"""Decoding many files, batch by batch, in worker processes.

Workers hold nothing: each task names its files, so any iterable of tasks is decoded in its
order and in constant memory. A batch comes back as one flat tensor, because every tensor that
crosses between processes costs a shared-memory file and a descriptor.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from mfclip.compute.cores import MAX_WORKERS, cores
from mfclip.data.faces import SeenFace, every_face, largest_face, of_picture, planes
from mfclip.data.frames import read_sample
from mfclip.data.images import ImageError, Picture
from mfclip.data.scorable import unscorable
from mfclip.errors import UsageError
from mfclip.faces.finder import FaceFinder

_CODECS = (
    *(AvifImagePlugin, BmpImagePlugin, GifImagePlugin, IcoImagePlugin, Jpeg2KImagePlugin),
    *(JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin),
)
"""Imported before the workers are started, so that each of them finds them loaded."""
GRACE = 0.2
"""Seconds."""


class Decoded(NamedTuple):
    """One task's images."""

    pixels: UInt8[Tensor, " values"]
    """Of all images, one after the other."""
    shapes: list[tuple[int, ...]]
    """Of each image, (3, H, W); of each clip, (T, 3, H, W)."""
    failures: dict[int, ImageError]
    """By the file's place in its task; such a file has no pixels and no size."""
    notes: dict[int, str]
    """By the file's place: what there is to say of a decoded one, as "first of 12 frames"."""
    faces: dict[int, list[SeenFace]]
    """By the file's place, where every face was asked for: those found, the largest first. Each
    whose status is ``ok`` has an image, and the file itself has none."""
    trouble: str = ""
    """Why the pixels could not be handed over; then none are here."""

    def images(self) -> list[UInt8[Tensor, "*frames 3 height width"]]:
        """Views of the images, in the order of the task, failures left out."""
        parts = torch.split(self.pixels, [math.prod(shape) for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]


def decode_batches(
    tasks: Iterable[Sequence[Path]],
    *,
    workers: int,
    pin_memory: bool = False,
    smallest: int | None = None,
    frames: int | None = None,
    finder: FaceFinder | None = None,
    every: bool = False,
) -> Generator[Decoded, None, None]:
    """Decode task by task, in order; at most two tasks a worker are under way.

    The worker processes end with the iterator: when it is exhausted, closed or dropped.

    Parameters
    ----------
    workers
        Processes; 0 decodes in this one.
    pin_memory
        Give pixels in page-locked memory, from which copies to a CUDA device need not wait.
    smallest
        Count images as failures that show nothing to score: a side shorter than this, pixels, or
        one colour only. Without it they are images like all others.
    frames
        Decode so many frames of each file, evenly spaced; None: one image.
    finder
        Give the crop of each picture's largest face in its place; one without is a failure.
    every
        With ``finder``: give the crops of all faces, see :attr:`Decoded.faces`.

    Raises
    ------
    UsageError
        When a worker process is killed from outside, or shared memory is too small.
    """
    loader = DataLoader(
        _Decoder(smallest, frames, finder, every),
        batch_sampler=tasks,  # type: ignore[arg-type]  # any iterable of tasks will do
        collate_fn=_as_it_is,  # type: ignore[arg-type]  # a task is decoded as one
        num_workers=workers,
        worker_init_fn=_leave_stopping_to_the_parent,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # else each start would draw from the global generator
    )
    batches = iter(loader)
    try:
        while (decoded := _next(batches)) is not None:
            if decoded.trouble:
                raise UsageError(decoded.trouble)
            yield decoded
    finally:
        del batches  # ends the workers now, also while an exception still holds this frame


def worker_count(asked: int | None, tasks: int) -> int:
    """How many processes to start for so many tasks: one a core and at most eight, or as asked.

    Never more than there are tasks, and none for a single task: starting would take longer.
    """
    if asked is not None and asked < 0:
        raise UsageError(f"workers must be 0 or more, got {asked}")
    wanted = min(MAX_WORKERS, cores()) if asked is None else asked
    return min(wanted, tasks) if tasks > 1 else 0


class _Decoder(Dataset[Decoded]):
    """What runs in a worker. It is called with a task, the list of its files."""

    def __init__(
        self, smallest: int | None, frames: int | None, finder: FaceFinder | None, every: bool
    ) -> None:
        self._smallest, self._frames = smallest, frames
        self._finder, self._every = finder, every

    def __getitem__(self, path: Path) -> Decoded:
        return self.__getitems__([path])

    def __getitems__(self, paths: Sequence[Path]) -> Decoded:
        parts: list[Tensor] = []
        shapes: list[tuple[int, ...]] = []
        failures: dict[int, ImageError] = {}
        notes: dict[int, str] = {}
        faces: dict[int, list[SeenFace]] = {}
        for place, path in enumerate(paths):
            try:
                pixels, note = self._read(path)
                images, found = self._images(path, planes(pixels))
            except ImageError as error:
                failures[place] = error
                continue
            if note:
                notes[place] = note
            if found is not None:
                faces[place] = found
            parts += [image.flatten() for image in images]
            shapes += [tuple(image.shape) for image in images]
        joined = torch.cat(parts) if parts else torch.empty(0, dtype=torch.uint8)
        trouble = _share(joined)
        if trouble:
            return Decoded(torch.empty(0, dtype=torch.uint8), [], {}, {}, {}, trouble)
        return Decoded(joined, shapes, failures, notes, faces)

    def _read(self, path: Path) -> Picture:
        picture = read_sample(path, self._frames)
        if self._smallest is not None and (why := unscorable(picture.pixels, self._smallest)):
            raise ImageError(path, *why)
        return picture

    def _images(
        self, path: Path, image: UInt8[Tensor, "*frames 3 height width"]
    ) -> tuple[list[Tensor], list[SeenFace] | None]:
        """What is handed over of a picture: itself, or crops of it and the faces they show."""
        if self._finder is None:
            return [image], None
        if not self._every:
            return [largest_face(self._finder, image, path)], None
        crops = every_face(self._finder, image, self._smallest)
        seen = [crop.seen for crop in crops]
        status, reason = of_picture(seen)
        if not seen:
            raise ImageError(path, status, reason)
        return [crop.pixels for crop in crops if crop.pixels is not None], seen


def _share(pixels: Tensor) -> str:
    """In a worker, move the pixels into shared memory; what is wrong where that fails.

    Left to itself, PyTorch moves them there in a thread whose errors nobody hears: with /dev/shm
    full, whoever waits for the batch would wait for ever.
    """
    if get_worker_info() is None:
        return ""
    try:
        pixels.share_memory_()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        return (
            f"{pixels.numel() / 2**20:.1f} MiB of pixels do not fit into shared memory "
            f"({' '.join(str(error).split())}). Make /dev/shm larger (docker: --shm-size=2g), or "
            "use smaller batches, or workers = 0"
        )
    return ""


def _leave_stopping_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal's group; here it would print a traceback.

    The one that started us ends us. For SIGTERM torch has set a handler of its own. Where it ends
    while it fetches pixels, the thread that hands them over has nobody left to tell.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _unless_the_parent_has_gone


def _unless_the_parent_has_gone(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """In a worker, instead of Python's own hook."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, trace)


def _as_it_is(decoded: Decoded) -> Decoded:
    return decoded


def _next(batches: Iterator[Decoded]) -> Decoded | None:
    try:
        return next(batches, None)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        # A signal to the whole group ends a worker first: leave it the time to reach us as well.
        time.sleep(GRACE)
        raise UsageError(
            f"a process that decodes images was killed ({error}). Most often memory ran out, "
            "or /dev/shm is too small (docker: --shm-size=2g). Use fewer workers, smaller "
            "batches, or workers = 0"
        ) from None
