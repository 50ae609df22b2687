"""The score of a film, and of every face that is followed through it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mfclip.data.images import ImageError, ImageStatus
from mfclip.errors import UsageError
from mfclip.faces.face import Face
from mfclip.inference.points import Point, film_point
from mfclip.inference.score import FaceScore, Score, Scores
from mfclip.inference.watching import About, FrameScore, Plan, Watched, watch
from mfclip.metrics.videos import RunningPool

LASTING = 3
"""Frames in which a face is scored before its track can make a film fake."""


def remark(unlike: int, scored: int) -> str:
    """What a film's reason says of its frames with a remark; empty where they are less than half.

    Where a frame of a familiar kind has a remark with probability e, half the frames or more have
    one with at most 2 e, however they hang together (Markov's inequality).
    """
    if not unlike or 2 * unlike < scored:
        return ""
    return f"{unlike} of {scored} scored frames are unlike the training images"


@dataclass(frozen=True, slots=True)
class TrackScore(FaceScore):
    """What a detector says of one face over a film.

    ``p_fake`` is of its frames' log-odds, pooled. ``face`` is where it looks most forged.
    """

    frames: int = 0
    """In which it was scored."""
    start: float = 0.0
    """Seconds of the first frame it was found in."""
    end: float = 0.0
    """Seconds of the last one."""
    strongest: float = 0.0
    """Seconds of the frame in which it looks most forged."""


@dataclass(frozen=True, slots=True)
class FilmScore(Score):
    """What a detector says of a film.

    Where faces are looked for, ``faces`` are :class:`TrackScore` and ``p_fake`` is the largest of
    those that were scored in :data:`LASTING` frames or more. Where none was, and where faces are
    not looked for, it is of the frames' log-odds, pooled, of the most forged face of
    each: what evaluation calls the score of a video.
    """

    frames: int = 0
    """That were looked at."""
    scored: int = 0
    """In which there was something to score."""
    seconds: float = 0.0
    """How long the film is."""


def score_film(
    loaded: Scores,
    path: Path | str,
    *,
    frames: int | None = None,
    rate: float | None = None,
    threshold: str | float | None = None,
    batch_size: int = 24,
    each: Callable[[FrameScore], None] | None = None,
) -> FilmScore:
    """Score a film in constant memory, however long it is.

    Parameters
    ----------
    frames
        So many frames, evenly spaced in time; without it and ``rate``:
        :data:`mfclip.inference.watching.FRAMES`.
    rate
        So many frames a second instead. Faces are followed over gaps of up to 2 seconds.
    threshold
        As for images.
    each
        Called with every frame's score, of every face in it, in the order of the frames.

    Raises
    ------
    UsageError
        For both ``frames`` and ``rate``, numbers out of range, and a threshold that the detector
        does not have. A film that cannot be read is no error: its status says why.
    MissingExtraError
        Without PyAV.
    """
    return judge(
        loaded,
        Path(path),
        plan_of(frames, rate),
        film_point(loaded.operating, threshold),
        batch_size,
        None if each is None else lambda watched: each(watched.score),
    )


def plan_of(frames: int | None, rate: float | None) -> Plan:
    """Which frames are meant. Raises :class:`UsageError` as :func:`score_film`."""
    if frames is not None and rate is not None:
        raise UsageError(
            f"frames {frames} and rate {rate:g} exclude each other: give a number of frames, or "
            "how many a second"
        )
    return Plan(rate=rate) if frames is None else Plan(frames)


def judge(
    loaded: Scores,
    path: Path,
    plan: Plan,
    point: Point,
    batch_size: int,
    each: Callable[[Watched], None] | None = None,
    about: About | None = None,
    reached: Callable[[float], None] | None = None,
) -> FilmScore:
    """As :func:`score_film`; ``each`` is given the pixels as well, and drops them.

    ``about`` is filled in while it goes on; ``reached`` as of
    :func:`mfclip.inference.watching.watch`.
    """
    about, tally = about or About(), _Tally(loaded, point)
    try:
        for watched in watch(loaded, path, plan, batch_size, about, reached):
            tally.add(watched)
            if each is not None:
                each(watched)
    except ImageError as error:
        none = () if loaded.finder is not None else None
        why = error.status, error.reason
        return FilmScore(path, None, None, point.threshold, *why, point.name, none)
    return tally.film(path, about)


@dataclass(slots=True)
class _Track:
    """One face so far."""

    start: float
    end: float
    face: Face
    at: float
    pool: RunningPool
    highest: float = -math.inf
    """Log-odds; there are ``face`` and ``at``."""
    status: ImageStatus = ImageStatus.OK
    reason: str = ""
    """Of the last frame in which it could not be scored."""
    unlike: int = 0
    """Frames with a remark."""

    def add(self, watched: Watched, face: Face) -> None:
        """One more frame of it."""
        self.end = watched.score.seconds
        if watched.score.status is not ImageStatus.OK:
            self.status, self.reason = watched.score.status, watched.score.reason
            return
        self.unlike += bool(watched.score.reason)
        self.pool.add(watched.log_odds)
        if watched.log_odds > self.highest:
            self.highest, self.face, self.at = watched.log_odds, face, watched.score.seconds


class _Tally:
    """Takes scores one by one; what it holds grows with the number of tracks alone."""

    def __init__(self, loaded: Scores, point: Point) -> None:
        self._operating, self._point = loaded.operating, point
        self._tracks: dict[int, _Track] | None = None if loaded.finder is None else {}
        self._frames = RunningPool(self._operating.sharpness)
        self._here: tuple[int, float] | None = None
        """The frame that is at hand, and the highest log-odds in it."""
        self._without: Counter[ImageStatus] = Counter()
        self._reasons: dict[ImageStatus, str] = {}
        self._unlike = 0
        """Frames, or clips, with a remark."""

    def add(self, watched: Watched) -> None:
        score = watched.score
        if score.track is not None and score.face is not None:
            assert self._tracks is not None
            at = score.seconds
            new = _Track(at, at, score.face, at, RunningPool(self._operating.sharpness))
            self._tracks.setdefault(score.track, new).add(watched, score.face)
        if score.status is not ImageStatus.OK:
            self._without[score.status] += 1
            self._reasons[score.status] = score.reason
        elif self._here is not None and self._here[0] == score.number:
            self._here = score.number, max(self._here[1], watched.log_odds)
        else:
            self._close_frame()
            self._here = score.number, watched.log_odds
            self._unlike += bool(score.reason)

    def _close_frame(self) -> None:
        if self._here is not None:
            self._frames.add(self._here[1])
        self._here = None

    def film(self, path: Path, about: About) -> FilmScore:
        """What comes of it all."""
        self._close_frame()
        tracks = self._tracks
        faces = None if tracks is None else tuple(self._scored(*one) for one in tracks.items())
        log_odds = self._log_odds()
        if log_odds is None:
            status, _ = self._without.most_common(1)[0]
            told = status, f"{self._reasons[status]} (in most of {about.taken} frames)"
            p_fake = None
        else:
            p_fake = float(self._operating.of_films.p_fake(log_odds))
            unlike = "" if tracks else remark(self._unlike, self._frames.frames)
            notes = about.told(), self._point.remark(p_fake), unlike
            told = ImageStatus.OK, "; ".join(filter(None, notes))
        return FilmScore(
            path,
            p_fake,
            None if p_fake is None else self._point.verdict(p_fake),
            self._point.threshold,
            *told,
            self._point.name,
            faces,
            about.taken,
            self._frames.frames,
            float(about.extent.seconds) if about.extent else 0.0,
        )

    def _log_odds(self) -> float | None:
        pools = [track.pool for track in (self._tracks or {}).values()]
        lasting = [pool.log_odds for pool in pools if pool.frames >= LASTING]
        if lasting:
            return max(lasting)
        return self._frames.log_odds if self._frames.frames else None

    def _scored(self, number: int, track: _Track) -> TrackScore:
        where = track.pool.frames, track.start, track.end, track.at
        if not track.pool.frames:
            why = track.status, track.reason
            return TrackScore(number, track.face, None, None, *why, 0, *where[1:])
        p_fake = float(self._operating.of_films.p_fake(track.pool.log_odds))
        told = (
            f"in {track.pool.frames} frames, {track.start:.2f}-{track.end:.2f} s; "
            f"box at {track.at:.2f} s"
        )
        told = "; ".join(filter(None, (told, remark(track.unlike, track.pool.frames))))
        verdict = self._point.verdict(p_fake)
        return TrackScore(number, track.face, p_fake, verdict, ImageStatus.OK, told, *where)
