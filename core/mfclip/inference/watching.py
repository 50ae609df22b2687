"""A film's frames and faces with what a detector says of each, in constant memory.

A frame is decoded, its faces are cut out, a batch of crops is scored, and they are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.faces import every_face, no_face, planes
from mfclip.data.images import ImageStatus
from mfclip.data.scorable import unscorable
from mfclip.errors import UsageError
from mfclip.faces.face import Face
from mfclip.films.extent import Extent, extent_of
from mfclip.films.frames import Damage, Frame, each_frame, evenly_shown, wanted_of
from mfclip.films.tracks import Tracker
from mfclip.inference.score import Scores, with_remarks

FRAMES = 32
"""Frames of a film that are scored unless asked otherwise; the data sets' readers take as many."""


@dataclass(frozen=True, slots=True)
class FrameScore:
    """What a detector says of one frame, of one face in it, or of one clip."""

    number: int
    """The frame's place in the film, from 0; of a clip the middle frame's."""
    seconds: float
    """From the first frame."""
    p_fake: float | None
    """Calibrated probability that it is fake, 0-1; None where the status is not ``ok``."""
    status: ImageStatus = ImageStatus.OK
    """``ok``, or why there is none: ``no-face``, ``small-face``, ``too-small`` or ``blank``."""
    reason: str = ""
    """What is wrong with it, or in what an ``ok`` one is unlike the training images."""
    track: int | None = None
    """Which face it is, from 1 over the film; None where faces are not looked for or not there."""
    face: Face | None = None
    """Where the face is in the upright frame."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One score with what it was made of."""

    score: FrameScore
    log_odds: float
    """NaN where there is no score."""
    pixels: UInt8[Tensor, "*frames 3 height width"] | None
    """What the detector was given, before its preprocessing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which frames of a film are scored."""

    frames: int = FRAMES
    """So many, evenly spaced in time."""
    rate: float | None = None
    """So many a second, in place of ``frames``."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise UsageError(f"a film is scored on 1 frame or more, got {self.frames}")
        if self.rate is not None and not 0 < self.rate <= 1000:
            raise UsageError(f"a rate is above 0 and at most 1000 frames a second, got {self.rate}")


@dataclass(slots=True)
class About:
    """What there is to say of a film; complete when it was watched to its end."""

    extent: Extent | None = None
    taken: int = 0
    """Frames that were looked at."""
    damage: Damage = field(default_factory=Damage)
    notes: list[str] = field(default_factory=list)

    def told(self) -> str:
        """In a line."""
        said = [f"{self.taken} frames of {self.extent.packets}"] if self.extent else []
        said += self.notes
        if self.extent and self.extent.variable:
            said.append("variable frame rate")
        if self.damage.packets:
            said.append(f"{self.damage.packets} damaged packets passed over")
        return "; ".join(said)


def watch(
    loaded: Scores,
    path: Path,
    plan: Plan,
    batch_size: int,
    about: About,
    reached: Callable[[float], None] | None = None,
) -> Generator[Watched, None, None]:
    """Scores of a film as they are made, in the order of its frames; ``about`` is filled in.

    ``reached`` is told the seconds of every frame that is decoded; what it raises ends the film.

    Raises
    ------
    ImageError
        For a film that cannot be decoded, see :mod:`mfclip.films`.
    MissingExtraError
        Without PyAV.
    """
    about.extent = extent_of(path)
    wanted = wanted_of(about.extent, plan.frames, plan.rate)
    decoded = each_frame(path, about.damage)
    with closing(decoded):
        passed = _telling(decoded, reached) if reached else decoded
        taken = _noting(evenly_shown(passed, about.extent, wanted), about)
        samples = _samples(loaded, taken)
        yield from _scored(loaded, samples, batch_size)


def _telling(frames: Iterable[Frame], reached: Callable[[float], None]) -> Iterator[Frame]:
    for frame in frames:
        reached(float(frame.time))
        yield frame


def _noting(frames: Iterable[Frame], about: About) -> Iterator[Frame]:
    for frame in frames:
        about.taken += 1
        about.notes += [note for note in frame.notes() if note not in about.notes]
        yield frame


def _samples(loaded: Scores, frames: Iterable[Frame]) -> Iterator[Watched]:
    """What is to be scored, without scores; and what cannot be, with its status."""
    if loaded.frames is not None:
        yield from _clips(frames, loaded.frames, loaded.smallest)
    elif loaded.finder is not None:
        yield from _faces(loaded, frames)
    else:
        for frame in frames:
            yield _sample(frame, planes(frame.rgb()), loaded.smallest)


def _sample(frame: Frame, pixels: Tensor, smallest: int) -> Watched:
    rows = pixels.movedim(-3, -1).numpy()
    if why := unscorable(rows, smallest):
        return Watched(FrameScore(frame.number, float(frame.time), None, *why), torch.nan, None)
    return Watched(FrameScore(frame.number, float(frame.time), None), torch.nan, pixels)


def _clips(frames: Iterable[Frame], length: int, smallest: int) -> Iterator[Watched]:
    """So many frames at a time; the frames of a clip that is not full are given again."""
    held: list[tuple[Frame, Tensor]] = []
    count = 0
    for frame in frames:
        pixels = planes(frame.rgb())
        if held and held[0][1].shape != pixels.shape:
            held = []  # the film changes its size here; a clip has one
        held.append((frame, pixels))
        if len(held) == length:
            count += 1
            yield _clip(held, smallest)
            held = []
    if held and not count:
        places = [part * len(held) // length for part in range(length)]
        yield _clip([held[place] for place in places], smallest)


def _clip(held: list[tuple[Frame, Tensor]], smallest: int) -> Watched:
    return _sample(held[len(held) // 2][0], torch.stack([one for _, one in held]), smallest)


def _faces(loaded: Scores, frames: Iterable[Frame]) -> Iterator[Watched]:
    assert loaded.finder is not None
    tracker = Tracker()
    for frame in frames:
        at = frame.number, float(frame.time)
        crops = every_face(loaded.finder, planes(frame.rgb()), loaded.smallest)
        tracks = tracker.follow(at[1], [crop.seen.face.box for crop in crops])
        if not crops:
            yield Watched(FrameScore(*at, None, *no_face()), torch.nan, None)
        for crop, track in zip(crops, tracks, strict=True):
            face, status, reason = crop.seen
            score = FrameScore(*at, None, status, reason, track, face)
            yield Watched(score, torch.nan, crop.pixels)


def _scored(loaded: Scores, samples: Iterable[Watched], batch_size: int) -> Iterator[Watched]:
    held: list[Watched] = []
    waiting = 0
    for sample in samples:
        held.append(sample)
        waiting += sample.pixels is not None
        if waiting == batch_size or len(held) == 8 * batch_size:
            yield from _batch(loaded, held)
            held, waiting = [], 0
    yield from _batch(loaded, held)


def _batch(loaded: Scores, samples: list[Watched]) -> Iterator[Watched]:
    if not samples:
        return
    images = [sample.pixels for sample in samples if sample.pixels is not None]
    log_odds, unlike = with_remarks(loaded, images)
    p_fakes = loaded.operating.p_fake(log_odds).tolist()
    found = iter(zip(log_odds.tolist(), p_fakes, unlike, strict=True))
    for sample in samples:
        if sample.pixels is None:
            yield sample
            continue
        odds, p_fake, remark = next(found)
        yield Watched(replace(sample.score, p_fake=p_fake, reason=remark), odds, sample.pixels)
