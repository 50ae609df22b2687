"""Scores for people: a calibrated probability, a verdict, and what became of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.images import ImageStatus
from mfclip.data.labels import Label

if TYPE_CHECKING:
    from mfclip.inference.loaded import LoadedDetector


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector says of one image."""

    path: Path | None
    """Its file; None for an image given as pixels."""
    p_fake: float | None
    """Calibrated probability that it is fake, 0-1; None where the status is not ``ok``."""
    verdict: Label | None
    """``fake`` where ``p_fake`` reaches the threshold, else ``real``; None without ``p_fake``."""
    threshold: float
    """Fitted on validation, 0-1."""
    status: ImageStatus = ImageStatus.OK
    """``ok``, or what kind of trouble the image is."""
    reason: str = ""
    """What is wrong with the image, or a note on one that is ``ok``, as "first of 12 frames"; most
    often empty."""


def score_paths(
    loaded: LoadedDetector,
    paths: Iterable[Path],
    *,
    batch_size: int = 24,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Score]:
    """Score files as they come: one :class:`Score` a path, in order, in constant memory.

    A file that cannot be read gets its status, as does an image that is too small or blank, and
    the others go on.

    Parameters
    ----------
    paths
        Any number of them; taken from the iterator only as they are needed.
    workers
        Processes that decode; 0: none. Without it: one a core, at most eight.
    progress
        Told the number of files done.
    """
    from mfclip.data.loader import scoring_stream

    stream = scoring_stream(
        paths,
        batch_size=batch_size,
        workers=workers,
        pin_memory=loaded.device.type == "cuda",
        smallest=loaded.smallest,
    )
    done = 0
    for batch in stream:
        yield from score_batch(loaded, batch.paths, batch.images, batch.statuses, batch.reasons)
        done += len(batch.paths)
        if progress:
            progress(done)


def score_batch(
    loaded: LoadedDetector,
    paths: Sequence[Path | None],
    images: Sequence[UInt8[Tensor, "3 h w"]],
    statuses: Sequence[ImageStatus],
    reasons: Sequence[str],
) -> Iterator[Score]:
    """One :class:`Score` a path; ``images`` has one only for each status that is ``ok``."""
    probabilities = iter(loaded.operating.p_fake(loaded.predictor(images)).tolist())
    threshold = loaded.threshold
    for path, status, reason in zip(paths, statuses, reasons, strict=True):
        if status is ImageStatus.OK:
            p_fake = next(probabilities)
            yield Score(path, p_fake, loaded.operating.verdict(p_fake), threshold, status, reason)
        else:
            yield Score(path, None, None, threshold, status, reason)
