"""Films of requests: each is a job, scored after the ones before it while images are answered."""

from __future__ import annotations

import copy
import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from mfclip.films.frames import wanted_of
from mfclip.inference.films import FilmScore, judge
from mfclip.inference.watching import About, FrameScore
from mfclip.serving.logs import NAME
from mfclip.serving.refusals import Refusal

if TYPE_CHECKING:
    import numpy as np
    import torch
    from jaxtyping import Float64, UInt8
    from numpy.typing import NDArray
    from torch import Tensor

    from mfclip.faces.finder import FaceFinder
    from mfclip.inference.points import Point
    from mfclip.inference.score import Scores, Seen
    from mfclip.inference.watching import Plan, Watched
    from mfclip.metrics.familiar import Familiar
    from mfclip.metrics.operating import OperatingPoints
    from mfclip.serving.limits import Limits
    from mfclip.serving.meters import Meters
    from mfclip.serving.models import Model
    from mfclip.serving.uploads import FilmUpload
    from mfclip.serving.worker import Worker

State = Literal["waiting", "scoring", "done", "failed"]
KEPT = 64
"""Answers that are kept at most; the oldest goes first."""
_log = logging.getLogger(NAME)


@dataclass(eq=False)
class Job:
    """One film, from its upload to its answer."""

    model: Model
    point: Point
    plan: Plan
    upload: FilmUpload
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """Nobody can guess it, so nobody reads another's answer."""
    state: State = "waiting"
    film: FilmScore | None = None
    """Its score, once it is ``done``."""
    timeline: list[FrameScore] = field(default_factory=list)
    trouble: str = ""
    """Why it ``failed``."""
    about: About = field(default_factory=About)
    reached: float = 0.0
    """Seconds of the film that are decoded."""
    cancelled: bool = False
    ended: float | None = None
    """Seconds of the monotonic clock."""

    @property
    def progress(self) -> float:
        """Share of the film that was looked at, 0-1."""
        if self.state == "done":
            return 1.0
        if self.about.extent is None:
            return 0.0
        return min(1.0, self.reached / max(float(self.about.extent.seconds), 1e-9))


class FilmJobs:
    """Takes films, scores one at a time, and keeps the answers for a while.

    A film lies in a file of a private folder until it is scored or given up; its answer, without
    pixels, stays in memory for ``limits.keep`` seconds.
    """

    def __init__(self, worker: Worker, limits: Limits, meters: Meters) -> None:
        self._worker, self._limits, self._meters = worker, limits, meters
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._in_hand = 0
        self._closing = False
        self._made: tempfile.TemporaryDirectory[str] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mfclip-film")

    @property
    def folder(self) -> Path:
        """Where uploads are written; made for the first one."""
        with self._lock:
            if self._made is None:
                self._made = tempfile.TemporaryDirectory(prefix="mfclip-films-")
            return Path(self._made.name)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for a film while it arrives. Raises :class:`Refusal` where there is none.

        A film that has begun by then keeps one of its own until its file is gone, also where
        nobody waits for its answer any more: so the disk is bounded.
        """
        with self._lock:
            if self._closing or self._in_hand >= self._limits.films:
                raise Refusal(
                    429, f"{self._limits.films} films are in hand, which is the limit; come again"
                )
            self._in_hand += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._in_hand -= 1

    def begin(self, model: Model, point: Point, plan: Plan, upload: FilmUpload) -> Job:
        """Take a film that has arrived; it is scored when its turn comes."""
        job = Job(model, point, plan, upload)
        with self._lock:
            self._jobs[job.id] = job
            self._in_hand += 1
        self._thread.submit(self._run, job)
        return job

    def find(self, name: str) -> Job:
        """A job by its id. Raises :class:`Refusal` where there is none, or no longer."""
        with self._lock:
            self._sweep()
            if name in self._jobs:
                return self._jobs[name]
        raise Refusal(
            404,
            "there is no such job; answers are kept for "
            f"{self._limits.keep:g} s, and until the service ends",
        )

    def forget(self, name: str) -> None:
        """Give a job up, or drop its answer. Raises :class:`Refusal` where there is none."""
        self.find(name).cancelled = True
        with self._lock:
            self._jobs.pop(name, None)

    def close(self) -> None:
        """Give up what is not done: nobody could ask for the answers any more."""
        with self._lock:
            self._closing = True
            for job in self._jobs.values():
                job.cancelled = True
        self._thread.shutdown(wait=True)
        if self._made is not None:
            self._made.cleanup()

    def _sweep(self) -> None:
        """Drop answers that are over their time, and those beyond the number that is kept."""
        now = time.monotonic()
        ended = [(job.ended, job) for job in self._jobs.values() if job.ended is not None]
        ended.sort(key=lambda one: one[0])
        for place, (at, job) in enumerate(ended):
            if now - at > self._limits.keep or place < len(ended) - KEPT:
                del self._jobs[job.id]

    def _run(self, job: Job) -> None:
        """In the films' own thread."""
        try:
            if not job.cancelled:
                job.state = "scoring"
                job.film = self._judged(job)
                job.state = "done"
                self._meters.film(job.model.name, str(job.film.verdict or job.film.status))
        except Refusal as refusal:
            job.trouble, job.state = refusal.message, "failed"
        except Exception:
            _log.exception("a film failed")
            job.trouble, job.state = "the service failed; its log says why", "failed"
        finally:
            job.upload.path.unlink(missing_ok=True)
            self._leave()
            job.ended = time.monotonic()

    def _judged(self, job: Job) -> FilmScore:
        until = time.monotonic() + self._limits.film_timeout

        def reached(seconds: float) -> None:
            self._require_going_on(job, until)
            job.reached = seconds

        def keep(watched: Watched) -> None:
            self._require_going_on(job, until)  # a pass may have taken long
            job.timeline.append(watched.score)

        lent = _Lent(job.model.loaded, self._worker)
        batch = self._limits.batch_size
        return judge(lent, job.upload.path, job.plan, job.point, batch, keep, job.about, reached)

    def _require_going_on(self, job: Job, until: float) -> None:
        """Raise :class:`Refusal` where a film is given up, takes too long or is too much."""
        if job.cancelled:
            raise Refusal(503, "the job was given up")
        if time.monotonic() > until:
            raise Refusal(503, f"the film was not scored within {self._limits.film_timeout:g} s")
        assert job.about.extent is not None
        wanted = wanted_of(job.about.extent, job.plan.frames, job.plan.rate)
        if wanted > self._limits.max_frames:
            raise Refusal(
                422,
                f"at {job.plan.rate:g} a second the film has {wanted} frames, over the limit of "
                f"{self._limits.max_frames}; ask for fewer",
            )


class _Lent:
    """A detector as the films' thread has it: its passes go through the worker, among others'."""

    def __init__(self, loaded: Scores, worker: Worker) -> None:
        self._loaded, self._worker = loaded, worker
        # A locator is not shared by threads.
        self.finder: FaceFinder | None = copy.deepcopy(loaded.finder)

    @property
    def operating(self) -> OperatingPoints:
        return self._loaded.operating

    @property
    def device(self) -> torch.device:
        return self._loaded.device

    @property
    def smallest(self) -> int:
        return self._loaded.smallest

    @property
    def frames(self) -> int | None:
        return self._loaded.frames

    @property
    def familiar(self) -> Familiar | None:
        return self._loaded.familiar

    @property
    def predictor(self) -> _Passes:
        """Images -> log-odds, when the worker comes to it."""
        return _Passes(self._loaded, self._worker)


class _Passes(NamedTuple):
    loaded: Scores
    worker: Worker

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> Float64[NDArray[np.float64], " batch"]:
        return self.worker.run(lambda: self.loaded.predictor(images, keep=keep)).result()

    def seen(self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]]) -> Seen:
        return self.worker.run(lambda: self.loaded.predictor.seen(images)).result()
