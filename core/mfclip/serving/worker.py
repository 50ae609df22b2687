"""The one thread that owns the detectors: it scores the images of many requests in one pass."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mfclip.inference.score import Score, Scores, score_batch

if TYPE_CHECKING:
    from mfclip.data.faces import SeenFace
    from mfclip.inference.inputs import Given
    from mfclip.inference.points import Point

T = TypeVar("T")


class Lane(NamedTuple):
    """What images must have in common to be scored together."""

    loaded: Scores
    point: Point


@dataclass(frozen=True, eq=False)
class _Scoring:
    """An image that waits."""

    lane: Lane
    given: Given
    images: int
    pixels: int
    done: Future[Score] = field(default_factory=Future)


@dataclass(frozen=True, eq=False)
class _Call:
    """Anything else that needs a detector; it goes alone."""

    call: Callable[[], Any]
    done: Future[Any] = field(default_factory=Future)
    lane: None = None
    images: int = 1
    pixels: int = 0


class Worker:
    """Takes images from many threads, and answers by futures.

    The oldest image says which detector is next; all that wait for the same detector and threshold
    go with it, up to a batch. While nothing is under way a batch waits a moment for more.

    Parameters
    ----------
    batch_size
        Images, or crops of faces, in one forward pass.
    linger
        Seconds that a batch waits for more.
    most_pixels
        Of all images that wait; whoever brings more is held up until there is room.
    observe
        Told the images and the seconds of each pass.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        linger: float,
        most_pixels: int,
        observe: Callable[[int, float], None] = lambda images, seconds: None,
    ) -> None:
        self._batch_size, self._linger, self._most_pixels = batch_size, linger, most_pixels
        self._observe = observe
        self._waiting: deque[_Scoring | _Call] = deque()
        self._pixels = 0
        self._closed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="mfclip-detector", daemon=True)
        self._thread.start()

    def score(self, lane: Lane, given: Given) -> Future[Score]:
        """The score of an image; at once where there is nothing in it to score."""
        images = given.images()
        if not images:
            done: Future[Score] = Future()
            done.set_result(_scores(lane, [given])[0])
            return done
        pixels = sum(image.numel() // 3 for image in images)
        one = _Scoring(lane, given, len(images), pixels)
        self._put(one)
        return one.done

    def run(self, call: Callable[[], T]) -> Future[T]:
        """What a call gives that needs a detector for itself."""
        one = _Call(call)
        self._put(one)
        return one.done

    def close(self, seconds: float | None = None) -> bool:
        """Finish what waits, take nothing more, and end; whether that was done in time."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _put(self, one: _Scoring | _Call) -> None:
        with self._change:
            while self._pixels and self._pixels + one.pixels > self._most_pixels:
                self._change.wait()
            if self._closed:
                raise RuntimeError("the service has stopped")
            self._waiting.append(one)
            self._pixels += one.pixels
            self._change.notify_all()

    def _run(self) -> None:
        while batch := self._take():
            live = [one for one in batch if one.done.set_running_or_notify_cancel()]
            if live:
                started = time.perf_counter()
                self._answer(live)
                self._observe(sum(one.images for one in live), time.perf_counter() - started)
            del batch, live  # else they would be held until the next ones come

    def _take(self) -> list[_Scoring | _Call]:
        """The next batch; nothing where the worker is to end."""
        with self._change:
            while not self._waiting:
                if self._closed:
                    return []
                self._change.wait()
            until = time.monotonic() + self._linger
            while not self._full() and (left := until - time.monotonic()) > 0:
                self._change.wait(left)
            batch = self._first_lane()
            self._pixels -= sum(one.pixels for one in batch)
            self._change.notify_all()
            return batch

    def _full(self) -> bool:
        first = self._waiting[0]
        if self._closed or isinstance(first, _Call):
            return True
        alike = sum(one.images for one in self._waiting if one.lane == first.lane)
        return alike >= self._batch_size

    def _first_lane(self) -> list[_Scoring | _Call]:
        """Take the oldest and those that go with it out of what waits; the order stays."""
        batch = [self._waiting.popleft()]
        if isinstance(batch[0], _Call):
            return batch
        room = self._batch_size - batch[0].images
        left: deque[_Scoring | _Call] = deque()
        for one in self._waiting:
            if one.lane == batch[0].lane and one.images <= room:
                batch.append(one)
                room -= one.images
            else:
                left.append(one)
        self._waiting = left
        return batch

    def _answer(self, batch: Sequence[_Scoring | _Call]) -> None:
        try:
            found = self._results(batch)
        except BaseException as error:
            if len(batch) > 1:  # one image must not spoil the others' answers
                for one in batch:
                    self._answer([one])
                return
            batch[0].done.set_exception(error)
            return
        for one, result in zip(batch, found, strict=True):
            one.done.set_result(result)

    def _results(self, batch: Sequence[_Scoring | _Call]) -> Sequence[Any]:
        first = batch[0]
        if isinstance(first, _Call):
            return [first.call()]
        given = [one.given for one in batch if isinstance(one, _Scoring)]
        return _scores(first.lane, given, self._batch_size)


def _scores(lane: Lane, given: Sequence[Given], most: int | None = None) -> list[Score]:
    images = [image for one in given for image in one.images()]
    faces: list[list[SeenFace] | None] = [
        None if one.faces is None else [crop.seen for crop in one.faces] for one in given
    ]
    paths, _, statuses, reasons, _, forms = zip(*given, strict=True)
    return list(score_batch(*lane, paths, images, statuses, reasons, faces, most, forms))
