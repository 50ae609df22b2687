"""From a manifest or a stream of paths to batches of decoded images.

Images stay uint8 and keep their sizes: resizing and floats happen on the device, see
:class:`mfclip.data.preprocess.Preprocessor`.
"""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from mfclip.data.decoding import Decoded, decode_batches, worker_count
from mfclip.data.faces import SeenFace, of_picture
from mfclip.data.images import ImageStatus
from mfclip.data.labels import LABELS
from mfclip.data.manifest import Manifest
from mfclip.data.prompts import PromptTable
from mfclip.data.sampling import Sampling, epoch_order
from mfclip.errors import DataError, UsageError
from mfclip.faces.finder import FaceFinder
from mfclip.ranks.shares import Shares
from mfclip.ranks.world import ALONE, Ranks


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of a manifest with their targets."""

    images: list[UInt8[Tensor, "*frames 3 height width"]]
    """RGB, 0-255, each in its own size; with frames, each of as many."""
    label: Int64[Tensor, " batch"]
    """0 real, 1 fake."""
    prompt: Int64[Tensor, " batch"]
    """Row of the prompt table; -1 where the loader was given none."""
    index: Int64[Tensor, " batch"]
    """Row of the manifest."""


@dataclass(frozen=True, slots=True)
class ScoringBatch:
    """Some files of a stream. Only those whose status is ``ok`` have an image."""

    paths: list[Path]
    images: list[UInt8[Tensor, "*frames 3 height width"]]
    """One for each path whose status is ``ok``, in the same order; so it may be shorter."""
    statuses: list[ImageStatus]
    """One for each path."""
    reasons: list[str]
    """One for each path: what is wrong with the file, or a note on an image that is ``ok``, as
    "first of 12 frames"; most often empty."""
    faces: list[list[SeenFace] | None]
    """One for each path, where every face was asked for: those found, the largest first. Each
    whose status is ``ok`` then has an image in place of the path's own. Else None."""


class ManifestLoader:
    """Batches of a manifest's rows in a given order; each iteration starts anew.

    Iterating raises :class:`mfclip.data.images.ImageError` at the first file that cannot be
    decoded: whoever trains or evaluates counts on every row.
    """

    def __init__(
        self,
        manifest: Manifest,
        prompts: PromptTable | None,
        batches: Sequence[Int64[Tensor, " batch"]],
        *,
        workers: int | None,
        pin_memory: bool,
        frames: int | None = None,
        finder: FaceFinder | None = None,
    ) -> None:
        self._manifest = manifest
        self._label, self._prompt = _targets(manifest, prompts)
        self._batches = batches
        self._workers = worker_count(workers, len(batches))
        self._pin_memory, self._frames, self._finder = pin_memory, frames, finder

    def __len__(self) -> int:
        """Batches that an iteration gives."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        tasks = (self._files(rows) for rows in self._batches)
        stream = decode_batches(
            tasks,
            workers=self._workers,
            pin_memory=self._pin_memory,
            frames=self._frames,
            finder=self._finder,
        )
        with closing(stream):  # ends the workers also while an error holds this frame
            for rows, decoded in zip(self._batches, stream, strict=True):
                for error in decoded.failures.values():
                    raise error
                yield Batch(decoded.images(), self._label[rows], self._prompt[rows], rows)

    def _files(self, places: Int64[Tensor, " batch"]) -> list[Path]:
        rows = self._manifest.rows
        return [self._manifest.file(rows[place]) for place in places.tolist()]


def training_loader(
    manifest: Manifest,
    prompts: PromptTable | None,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    start_batch: int = 0,
    sampling: Sampling = "shuffled",
    workers: int | None = None,
    pin_memory: bool = False,
    frames: int | None = None,
    finder: FaceFinder | None = None,
    ranks: Ranks = ALONE,
) -> ManifestLoader:
    """All rows once, in an order that depends on ``seed``, ``epoch`` and ``sampling`` only.

    The last batch may be smaller. With ``start_batch`` the batches before it are left out
    without decoding them, the rest is what it would have been; ``len()`` counts the rest.

    Parameters
    ----------
    sampling
        See :func:`mfclip.data.sampling.epoch_order`.
    workers
        Processes that decode; 0: none, None: one a core, at most eight.
    pin_memory
        Set it where the device is a CUDA device.
    frames
        Of each file, evenly spaced, see :mod:`mfclip.data.frames`; None: one image.
    finder
        Give the largest face of each picture; a picture without one cannot be trained on.
    ranks
        Several processes: of each batch this one gets what it computes, see
        :attr:`mfclip.ranks.shares.Shares.computed`.

    Raises
    ------
    DataError
        For an empty manifest and for a label without a prompt.
    """
    if not len(manifest):
        raise DataError("there is no image to train on: the training split is empty")
    digest = hashlib.sha256(f"{seed}:{epoch}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    _require_some(batch_size)
    order = epoch_order(manifest.rows, sampling, batch_size, generator)
    batches = _batches(order, batch_size)
    if not 0 <= start_batch <= len(batches):
        raise UsageError(f"start_batch {start_batch} is not within 0 to {len(batches)}")
    computed = {size: Shares(ranks, size).computed for size in set(map(len, batches))}
    rest = [rows[computed[len(rows)]] for rows in batches[start_batch:]]
    return ManifestLoader(
        manifest,
        prompts,
        rest,
        workers=workers,
        pin_memory=pin_memory,
        frames=frames,
        finder=finder,
    )


def evaluation_loader(
    manifest: Manifest,
    prompts: PromptTable | None,
    *,
    batch_size: int,
    workers: int | None = None,
    pin_memory: bool = False,
    frames: int | None = None,
    finder: FaceFinder | None = None,
    ranks: Ranks = ALONE,
) -> ManifestLoader:
    """All rows once, in their order; otherwise as :func:`training_loader`.

    Give no prompts where labels may occur that the table does not know. Of several processes
    (``ranks``) each gets whole batches, and every batch falls to one of them.
    """
    batches = ranks.turns(_batches(torch.arange(len(manifest)), batch_size))
    return ManifestLoader(
        manifest,
        prompts,
        batches,
        workers=workers,
        pin_memory=pin_memory,
        frames=frames,
        finder=finder,
    )


def scoring_stream(
    paths: Iterable[Path],
    *,
    batch_size: int,
    workers: int | None = None,
    pin_memory: bool = False,
    smallest: int | None = None,
    frames: int | None = None,
    finder: FaceFinder | None = None,
    every: bool = False,
) -> Generator[ScoringBatch, None, None]:
    """Decode any number of files, in order and in constant memory.

    ``paths`` is read only some batches ahead. A file that cannot be decoded is reported by its
    status and ends nothing. With ``smallest``, pixels, so are images that show nothing to score;
    see :func:`mfclip.data.scorable.unscorable`. ``frames``: as for :func:`training_loader`. With
    ``finder`` the image of a path is its largest face, and with ``every`` face its images are all
    of them: see :attr:`ScoringBatch.faces`.
    """
    chunks = _chunks(paths, batch_size)
    first = list(islice(chunks, 2))  # a single batch needs no worker
    if not first:
        return
    count = worker_count(workers, 1 if len(first) == 1 else sys.maxsize)
    pending: deque[list[Path]] = deque()
    tasks = _remembered(chain(first, chunks), pending.append)
    batches = decode_batches(
        tasks,
        workers=count,
        pin_memory=pin_memory,
        smallest=smallest,
        frames=frames,
        finder=finder,
        every=every,
    )
    with closing(batches) as stream:
        for decoded in stream:
            yield _scoring_batch(pending.popleft(), decoded)


def _scoring_batch(paths: list[Path], decoded: Decoded) -> ScoringBatch:
    told = [_told(decoded, place) for place in range(len(paths))]
    return ScoringBatch(
        paths,
        decoded.images(),
        [status for status, _ in told],
        [reason for _, reason in told],
        [decoded.faces.get(place) for place in range(len(paths))],
    )


def _told(decoded: Decoded, place: int) -> tuple[ImageStatus, str]:
    """Status of a file and what there is to say of it."""
    if failure := decoded.failures.get(place):
        return failure.status, failure.reason
    status, reason = ImageStatus.OK, ""
    if faces := decoded.faces.get(place):
        status, reason = of_picture(faces)
    return status, reason or decoded.notes.get(place, "")


def _targets(
    manifest: Manifest, prompts: PromptTable | None
) -> tuple[Int64[Tensor, " rows"], Int64[Tensor, " rows"]]:
    """Of each row: 0 real, 1 fake; its row of the prompt table, -1 without one."""
    known = {
        label: (LABELS.index(label.label), -1 if prompts is None else prompts.row(label))
        for label in manifest.labels()
    }
    labels = [row.label for row in manifest.rows]
    of = {id(label): known[label] for label in {id(one): one for one in labels}.values()}
    found = np.array([of[id(label)] for label in labels], dtype=np.int64)
    label, prompt = torch.from_numpy(found.reshape(-1, 2)).unbind(1)
    return label, prompt


def _batches(order: Int64[Tensor, " rows"], batch_size: int) -> tuple[Int64[Tensor, " batch"], ...]:
    """Cut into batches, the last one perhaps smaller; none for no rows."""
    _require_some(batch_size)
    return torch.split(order, batch_size) if len(order) else ()


def _require_some(batch_size: int) -> None:
    if batch_size < 1:
        raise UsageError(f"batch_size must be 1 or more, got {batch_size}")


def _chunks(paths: Iterable[Path], size: int) -> Iterator[list[Path]]:
    if size < 1:
        raise UsageError(f"batch_size must be 1 or more, got {size}")
    stream = iter(paths)
    while chunk := list(islice(stream, size)):
        yield chunk


def _remembered(
    tasks: Iterable[list[Path]], remember: Callable[[list[Path]], None]
) -> Iterator[list[Path]]:
    for task in tasks:
        remember(task)
        yield task
