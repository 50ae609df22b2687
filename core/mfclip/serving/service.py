"""From the bytes of a request to what its detector says: decoding threads before one worker."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mfclip.compute.cores import cores
from mfclip.data.images import UNNAMED
from mfclip.inference.inputs import Given, examined, from_stream
from mfclip.serving.films import FilmJobs
from mfclip.serving.refusals import Refusal
from mfclip.serving.worker import Lane, Worker
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

    from mfclip.data.credentials import Credentials, CredentialsReader
    from mfclip.faces.finder import FaceFinder
    from mfclip.inference.points import Point
    from mfclip.inference.score import Score, Scores
    from mfclip.serving.explaining import Explanation
    from mfclip.serving.limits import Limits
    from mfclip.serving.meters import Meters
    from mfclip.serving.models import Model
    from mfclip.serving.uploads import Upload

MOST_EXPLANATIONS = 2
"""Heat maps in hand at once: one takes as long as a hundred scores, and scoring waits for it."""


class Seen(NamedTuple):
    """What is told of a file beside its score."""

    sha256: str
    """Of its bytes."""
    width: int | None
    """Of the upright picture, pixels; None where it could not be decoded."""
    height: int | None
    credentials: Credentials | None = None
    """Content credentials of the file; None: they are not looked at here."""


class Scored(NamedTuple):
    """One file with what is said of it."""

    name: str
    """As the client calls it."""
    seen: Seen
    score: Score


class Service:
    """Detectors that answer requests, within limits.

    Of an upload nothing is kept: its bytes go when it is decoded, its pixels when it is scored.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        limits: Limits,
        meters: Meters,
        credentials: CredentialsReader | None = None,
    ) -> None:
        self.models, self.limits, self.meters = models, limits, meters
        self._credentials = credentials
        self.draining = False
        """Whether it finishes what it has and is about to end."""
        self._in_hand = self._explanations = 0
        self._own = threading.local()
        threads = min(8, cores())
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mfclip-decode")
        self._worker = Worker(
            batch_size=limits.batch_size,
            linger=limits.linger,
            most_pixels=limits.max_pixels,
            observe=meters.passed,
        )
        self.films = FilmJobs(self._worker, limits, meters)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place in the queue. Raises :class:`Refusal` where there is none."""
        if self._in_hand >= self.limits.queue:
            raise Refusal(
                429, f"{self.limits.queue} requests are in hand, which is the limit; come again"
            )
        self._in_hand += 1
        self.meters.in_hand.set(self._in_hand)
        try:
            yield
        finally:
            self._in_hand -= 1
            self.meters.in_hand.set(self._in_hand)

    def model(self, name: str | None) -> Model:
        """A detector by its name; the first one where none is named. Raises :class:`Refusal`."""
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            known = ", ".join(self.models)
            hint = did_you_mean(name, self.models)
            raise Refusal(404, f"there is no model {name[:80]!r}{hint}; there are: {known}")
        return self.models[name]

    async def score(self, model: Model, point: Point, uploads: Sequence[Upload]) -> list[Scored]:
        """Each file of a request with its score, in their order."""
        lane = Lane(model.loaded, point)
        pending = [self._threads.submit(self._begin, lane, upload) for upload in uploads]
        try:
            begun = [await asyncio.wrap_future(one) for one in pending]
            scores = [await asyncio.wrap_future(score) for _, score in begun]
        except BaseException:  # too slow, or the service ends: what has not begun need not
            _cancel(pending)
            raise
        found = [
            Scored(upload.name, seen, score)
            for upload, (seen, _), score in zip(uploads, begun, scores, strict=True)
        ]
        for one in found:
            self.meters.scored(model.name, str(one.score.verdict or one.score.status))
        return found

    async def explain(self, model: Model, upload: Upload, face: int) -> Explanation:
        """What a detector looks at in an image, or in one of its faces, counted from 1.

        Raises
        ------
        Refusal
            404 where the detector makes no heat maps, 422 where there is nothing to explain, 429
            where others wait for theirs.
        """
        explainer = model.explainer
        if explainer is None:
            raise Refusal(
                404,
                f"the model {model.name} makes no heat maps: pip install 'mfclip[explain]', and "
                "serve a detector of single images without --no-explain",
            )
        if self._explanations >= MOST_EXPLANATIONS:
            raise Refusal(429, f"{MOST_EXPLANATIONS} heat maps are being made; come again")
        self._explanations += 1
        try:
            looking = self._threads.submit(self._look, model.loaded, upload)
            image = _chosen((await asyncio.wrap_future(looking))[1], face)
            return await asyncio.wrap_future(self._worker.run(lambda: explainer(image)))
        finally:
            self._explanations -= 1

    def close(self, seconds: float) -> bool:
        """Finish what is in hand and end; whether that was done in time."""
        self.draining = True
        self.films.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        return self._worker.close(seconds)

    def _begin(self, lane: Lane, upload: Upload) -> tuple[Seen, Future[Score]]:
        """In a decoding thread: decode a file, and hand it to the worker."""
        seen, given = self._look(lane.loaded, upload)
        return seen, self._worker.score(lane, given)

    def _look(self, loaded: Scores, upload: Upload) -> tuple[Seen, Given]:
        """In a decoding thread: decode a file, and find its faces where the detector wants them."""
        given = from_stream(
            io.BytesIO(upload.content),
            Path(upload.name or UNNAMED),
            frames=loaded.frames,
            limit=self.limits.max_pixels // (loaded.frames or 1),
        )
        height, width = (None, None) if given.image is None else given.image.shape[-2:]
        signed = None
        if self._credentials is not None:
            signed = self._credentials.read(io.BytesIO(upload.content))
        seen = Seen(hashlib.sha256(upload.content).hexdigest(), width, height, signed)
        finder = self._finder(loaded)
        return seen, examined(given, smallest=loaded.smallest, finder=finder)

    def _finder(self, loaded: Scores) -> FaceFinder | None:
        """This thread's own: locators are not shared by threads."""
        if loaded.finder is None:
            return None
        known: dict[str, FaceFinder] = self._own.__dict__
        name = str(id(loaded.finder))
        if name not in known:
            known[name] = copy.deepcopy(loaded.finder)
        return known[name]


def _chosen(given: Given, face: int) -> Tensor:
    """The pixels to explain."""
    if given.faces is None and given.image is not None:
        return given.image
    if given.faces and face > len(given.faces):
        raise Refusal(422, f"face {face} was asked for, and the picture has {len(given.faces)}")
    if given.faces and (image := given.faces[face - 1].pixels) is not None:
        return image
    chosen = given.faces[face - 1].seen if given.faces else given
    raise Refusal(422, f"there is nothing to explain: {chosen.status}: {chosen.reason}")


def _cancel(pending: Sequence[Future[tuple[Seen, Future[Score]]]]) -> None:
    """Whatever of it has not begun."""
    for one in pending:
        if not one.cancel():
            one.add_done_callback(_cancel_score)


def _cancel_score(begun: Future[tuple[Seen, Future[Score]]]) -> None:
    if not begun.cancelled() and begun.exception() is None:
        begun.result()[1].cancel()
