"""The answers about films, as the OpenAPI describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from mfclip.inference.timeline import tracks_of
from mfclip.serving.answers import PointAnswer, Share, meaning, point_answer

if TYPE_CHECKING:
    from mfclip.inference.films import TrackScore
    from mfclip.inference.watching import FrameScore
    from mfclip.serving.films import Job


class TrackAnswer(BaseModel):
    """One face that was followed through a film."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int = Field(ge=1)
    """In the order in which they appear."""
    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of the upright frame in which it looks most forged."""
    p_fake: float | None = Field(ge=0, le=1)
    """Of the mean of its frames' log-odds."""
    verdict: str | None
    """As of the film."""
    status: str
    """``ok``, or why there is no verdict."""
    reason: str
    """In which frames it was scored, or what kept it from being."""
    frames: int
    """In which it was scored."""
    start: float
    """Seconds of the first frame that it was found in."""
    end: float
    """Seconds of the last one."""
    strongest: float
    """Seconds of the frame in which it looks most forged."""


class MomentAnswer(BaseModel):
    """One frame of a film, or one face in it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seconds: float
    """From the first frame."""
    frame: int
    """Its place in the film, from 0."""
    face: int | None
    """Number of the face; null where faces are not looked for or none is there."""
    box: tuple[float, float, float, float] | None
    """Of the face."""
    p_fake: float | None = Field(ge=0, le=1)
    """Of this frame alone."""
    status: str
    """``ok``, or why there is no p_fake."""


class FilmAnswer(BaseModel):
    """What is said of a film."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """As the client calls it."""
    sha256: str
    """Of its bytes."""
    status: str
    """``ok``, or why there is no verdict; the words are those of ``mfclip score``."""
    reason: str
    """What is wrong with the film, or what there is to say of one that is ``ok``."""
    p_fake: float | None = Field(ge=0, le=1)
    """Calibrated probability that a face in it is fake."""
    verdict: str | None
    """``fake`` where p_fake reaches the threshold, else ``real``; null without p_fake."""
    meaning: str
    """The verdict in a sentence, or what kept it from one."""
    seconds: float
    """How long the film is."""
    frames: int
    """That were looked at."""
    scored: int
    """In which there was something to score."""
    faces: list[TrackAnswer] | None
    """Null where faces are not looked for."""
    timeline: list[MomentAnswer]
    """In the order of time."""


class FilmScoreAnswer(BaseModel):
    """Everything that is said of a film."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    model: str
    """Name of the detector that was asked."""
    weights_sha256: str
    """Of its weights."""
    mfclip: str
    """Version of the framework."""
    point: PointAnswer
    """The threshold that was used."""
    film: FilmAnswer
    """What was found."""
    cautions: list[str]
    """What a verdict must not be trusted with."""


class JobAnswer(BaseModel):
    """How far a film is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    job: str
    """Its id: ask for ``/v1/video/ID``."""
    state: Literal["waiting", "scoring", "done", "failed"]
    """Waiting for films before it, being scored, or at its end."""
    progress: float = Share
    """Share of the film that was looked at."""
    answer: FilmScoreAnswer | None
    """Once it is ``done``."""
    message: str
    """Why it ``failed``; empty elsewhere."""


def job_answer(job: Job) -> JobAnswer:
    """What is answered to a question about a job."""
    return JobAnswer(
        job=job.id,
        state=job.state,
        progress=job.progress,
        answer=_answer(job) if job.state == "done" else None,
        message=job.trouble,
    )


def _answer(job: Job) -> FilmScoreAnswer:
    from mfclip.version import __version__

    return FilmScoreAnswer(
        model=job.model.name,
        weights_sha256=job.model.loaded.bundle.about.weights_sha256,
        mfclip=__version__,
        point=point_answer(job.point),
        film=_film(job),
        cautions=list(job.model.cautions),
    )


def _film(job: Job) -> FilmAnswer:
    score = job.film
    assert score is not None, "a job that is done has a score"
    return FilmAnswer(
        name=job.upload.name,
        sha256=job.upload.sha256,
        status=str(score.status),
        reason=score.reason,
        p_fake=score.p_fake,
        verdict=score.verdict,
        meaning=meaning(score),
        seconds=score.seconds,
        frames=score.frames,
        scored=score.scored,
        faces=None if score.faces is None else [_track(one) for one in tracks_of(score)],
        timeline=[_moment(one) for one in job.timeline],
    )


def _track(one: TrackScore) -> TrackAnswer:
    return TrackAnswer(
        number=one.number,
        box=one.face.box,
        p_fake=one.p_fake,
        verdict=one.verdict,
        status=str(one.status),
        reason=one.reason,
        frames=one.frames,
        start=one.start,
        end=one.end,
        strongest=one.strongest,
    )


def _moment(one: FrameScore) -> MomentAnswer:
    return MomentAnswer(
        seconds=one.seconds,
        frame=one.number,
        face=one.track,
        box=None if one.face is None else one.face.box,
        p_fake=one.p_fake,
        status=str(one.status),
    )
