"""Scores for people: a calibrated probability, a verdict, and what became of the file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jaxtyping import Float32, Float64, UInt8
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
    from mfclip.metrics.familiar import Familiar
    from mfclip.metrics.operating import OperatingPoints


class Seen(NamedTuple):
    """What a detector makes of some images."""

    log_odds: Float64[NDArray[np.float64], " batch"]
    """Above zero: fake."""
    features: Float32[NDArray[np.float32], "batch width"] | None
    """X_v; None where the detector gives none."""


class Predicts(Protocol):
    """Images -> log-odds: a detector's own predictor, or an exported model's."""

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> NDArray[np.float64]:
        """One log-odds an image; above zero: fake."""

    def seen(self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]]) -> Seen:
        """The same with features; asked only of detectors with :attr:`Scores.familiar`."""


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

    @property
    def familiar(self) -> Familiar | None:
        """What the training images were like; None: nothing is remarked on others."""


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
    from mfclip.inference.inputs import form_of

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
                None if loaded.familiar is None else [form_of(path) for path in batch.paths],
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
    forms: Sequence[str | None] | None = None,
) -> Iterator[Score]:
    """One :class:`Score` a path; ``images`` has one only for each status that is ``ok``.

    Where ``faces`` has a path's faces, ``images`` has one for each of them whose status is ``ok``
    in place of the path's own. At most so many images as ``most`` pass through the detector at
    once; None: all. ``forms``: of the files, where they are known.
    """
    judged = iter(_judged(loaded, images, most))
    name, threshold = point
    nothing: list[None] = [None] * len(paths)
    for path, status, reason, found, form in zip(
        paths, statuses, reasons, faces or nothing, forms or nothing, strict=True
    ):
        scored = None
        if loaded.finder is not None:
            scored = tuple(_scored_faces(point, found or (), judged))
        if status is not ImageStatus.OK:
            yield Score(path, None, None, threshold, status, reason, name, scored)
            continue
        p_fake, unlike = next(judged) if scored is None else (_worst(scored), "")
        of_form = loaded.familiar.of_form(form) if loaded.familiar else ""
        told = "; ".join(filter(None, (reason, point.remark(p_fake), unlike, of_form)))
        yield Score(path, p_fake, point.verdict(p_fake), threshold, status, told, name, scored)


def _judged(
    loaded: Scores, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], most: int | None
) -> Iterator[tuple[float, str]]:
    """``p_fake`` of each image, and in what it is unlike the training images.

    A crowd has more faces than a pass can take.
    """
    step = most or max(1, len(images))
    for start in range(0, len(images), step):
        log_odds, unlike = with_remarks(loaded, images[start : start + step])
        yield from zip(loaded.operating.p_fake(log_odds).tolist(), unlike, strict=True)


def with_remarks(
    loaded: Scores, images: Sequence[UInt8[Tensor, "*frames 3 h w"]]
) -> tuple[NDArray[np.float64], list[str]]:
    """Log-odds of some images, and in what each is unlike the training images; most often empty."""
    if loaded.familiar is None:
        return loaded.predictor(images), [""] * len(images)
    log_odds, features = loaded.predictor.seen(images)
    return log_odds, _unlike(loaded.familiar, features, images)


def _unlike(
    familiar: Familiar,
    features: Float32[NDArray[np.float32], "batch width"] | None,
    images: Sequence[UInt8[Tensor, "*frames 3 h w"]],
) -> list[str]:
    assert features is not None, "what has no features has nothing to compare"
    sides = [min(image.shape[-2:]) for image in images]
    distances = familiar.distances(features).tolist()
    return [familiar.of_pixels(*one) for one in zip(distances, sides, strict=True)]


def _scored_faces(
    point: Point, found: Sequence[SeenFace], judged: Iterator[tuple[float, str]]
) -> Iterator[FaceScore]:
    for number, (face, status, reason) in enumerate(found, 1):
        if status is ImageStatus.OK:
            p_fake, unlike = next(judged)
            told = "; ".join(filter(None, (point.remark(p_fake), unlike)))
            yield FaceScore(number, face, p_fake, point.verdict(p_fake), reason=told)
        else:
            yield FaceScore(number, face, None, None, status, reason)


def _worst(faces: Sequence[FaceScore]) -> float:
    """The picture's ``p_fake``: the largest of its faces'."""
    return max(face.p_fake for face in faces if face.p_fake is not None)
