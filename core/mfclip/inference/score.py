"""Scores for people: a calibrated probability, a verdict, and what became of the file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.faces import SeenFace
from mfclip.data.images import ImageStatus
from mfclip.data.labels import Verdict
from mfclip.inference.points import BALANCED, Point, choose_point

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from mfclip.faces.face import Face
    from mfclip.faces.finder import FaceFinder
    from mfclip.metrics.operating import OperatingPoints


class Predicts(Protocol):
    """Images -> log-odds: a detector's own predictor, or an exported model's."""

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> NDArray[np.float64]:
        """One log-odds an image; above zero: fake."""


class Scores(Protocol):
    """What scores images: :class:`mfclip.inference.loaded.LoadedDetector`."""

    @property
    def predictor(self) -> Predicts:
        """Images -> log-odds."""

    @property
    def operating(self) -> OperatingPoints:
        """Calibration and thresholds."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def smallest(self) -> int:
        """Shortest side of an image that is scored, pixels."""

    @property
    def frames(self) -> int | None:
        """Frames of a sample; None: it is one image."""

    @property
    def finder(self) -> FaceFinder | None:
        """What cuts faces out of pictures; None: the images are crops already."""


@dataclass(frozen=True, slots=True)
class FaceScore:
    """What a detector says of one face in a picture."""

    number: int
    """From 1, the largest face first."""
    face: Face
    """Its box and points, in pixels of the picture, and how sure the locator is."""
    p_fake: float | None
    """As :attr:`Score.p_fake`."""
    verdict: Verdict | None
    """As :attr:`Score.verdict`."""
    status: ImageStatus = ImageStatus.OK
    """``ok``, or why there is no verdict: ``small-face`` most often."""
    reason: str = ""
    """What is wrong with the face; most often empty."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector says of one image.

    Where faces are looked for, ``p_fake`` is the largest of its faces': a picture is called fake as
    soon as one of its faces is.
    """

    path: Path | None
    """Its file; None for an image given as pixels."""
    p_fake: float | None
    """Calibrated probability that it is fake, 0-1; None where the status is not ``ok``."""
    verdict: Verdict | None
    """``fake`` where ``p_fake`` reaches the threshold, else ``real``, or ``uncertain`` where the
    detector has three verdicts; None without ``p_fake``."""
    threshold: float
    """The one used, 0-1."""
    status: ImageStatus = ImageStatus.OK
    """``ok``, or what kind of trouble the image is."""
    reason: str = ""
    """What is wrong with the image, or a note on one that is ``ok``, as "first of 12 frames"; most
    often empty."""
    operating_point: str = BALANCED
    """Name of the threshold: ``balanced``, ``fpr-1``, ``fpr-5``, ``error-5`` (three verdicts),
    ``given`` (a number), or ``unfitted`` where the detector has none fitted."""
    faces: tuple[FaceScore, ...] | None = None
    """The picture's faces, the largest first; None where they were not looked for."""


def score_paths(
    loaded: Scores,
    paths: Iterable[Path],
    *,
    batch_size: int = 24,
    workers: int | None = None,
    threshold: str | float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Generator[Score, None, None]:
    """Score files as they come: one :class:`Score` a path, in order, in constant memory.

    A file that cannot be read gets its status, as does an image that is too small or blank, and
    the others go on.

    Parameters
    ----------
    paths
        Any number of them; taken from the iterator only as they are needed.
    workers
        Processes that decode; 0: none. Without it: one a core, at most eight.
    threshold
        ``balanced``, ``fpr-1``, ``fpr-5``, or a number 0-1; without it, the detector's own.
    progress
        Told the number of files done.

    Raises
    ------
    UsageError
        At once, where the detector has no such threshold.
    """
    point = choose_point(loaded.operating, threshold)
    return _score_paths(loaded, paths, point, batch_size, workers, progress)


def _score_paths(
    loaded: Scores,
    paths: Iterable[Path],
    point: Point,
    batch_size: int,
    workers: int | None,
    progress: Callable[[int], None] | None,
) -> Generator[Score, None, None]:
    from mfclip.data.loader import scoring_stream

    stream = scoring_stream(
        paths,
        batch_size=batch_size,
        workers=workers,
        pin_memory=loaded.device.type == "cuda",
        smallest=loaded.smallest,
        frames=loaded.frames,
        finder=loaded.finder,
        every=loaded.finder is not None,
    )
    done = 0
    with closing(stream):  # ends the workers also while an error holds this frame
        for batch in stream:
            yield from score_batch(
                loaded,
                point,
                batch.paths,
                batch.images,
                batch.statuses,
                batch.reasons,
                batch.faces,
                batch_size,
            )
            done += len(batch.paths)
            if progress:
                progress(done)


def score_batch(
    loaded: Scores,
    point: Point,
    paths: Sequence[Path | None],
    images: Sequence[UInt8[Tensor, "*frames 3 h w"]],
    statuses: Sequence[ImageStatus],
    reasons: Sequence[str],
    faces: Sequence[Sequence[SeenFace] | None] | None = None,
    most: int | None = None,
) -> Iterator[Score]:
    """One :class:`Score` a path; ``images`` has one only for each status that is ``ok``.

    Where ``faces`` has a path's faces, ``images`` has one for each of them whose status is ``ok``
    in place of the path's own. At most so many images as ``most`` pass through the detector at
    once; None: all.
    """
    probabilities = iter(_probabilities(loaded, images, most))
    name, threshold = point
    looked_for = loaded.finder is not None
    for path, status, reason, found in zip(
        paths, statuses, reasons, faces or [None] * len(paths), strict=True
    ):
        scored = None
        if looked_for:
            scored = tuple(_scored_faces(point, found or (), probabilities))
        if status is not ImageStatus.OK:
            yield Score(path, None, None, threshold, status, reason, name, scored)
            continue
        p_fake = next(probabilities) if scored is None else _worst(scored)
        told = "; ".join(filter(None, (reason, point.remark(p_fake))))
        yield Score(path, p_fake, point.verdict(p_fake), threshold, status, told, name, scored)


def _probabilities(
    loaded: Scores, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], most: int | None
) -> Iterator[float]:
    """One ``p_fake`` an image: a crowd has more faces than a pass can take."""
    step = most or max(1, len(images))
    for start in range(0, len(images), step):
        yield from loaded.operating.p_fake(loaded.predictor(images[start : start + step])).tolist()


def _scored_faces(
    point: Point, found: Sequence[SeenFace], probabilities: Iterator[float]
) -> Iterator[FaceScore]:
    for number, (face, status, reason) in enumerate(found, 1):
        if status is ImageStatus.OK:
            p_fake = next(probabilities)
            yield FaceScore(
                number, face, p_fake, point.verdict(p_fake), reason=point.remark(p_fake)
            )
        else:
            yield FaceScore(number, face, None, None, status, reason)


def _worst(faces: Sequence[FaceScore]) -> float:
    """The picture's ``p_fake``: the largest of its faces'."""
    return max(face.p_fake for face in faces if face.p_fake is not None)
