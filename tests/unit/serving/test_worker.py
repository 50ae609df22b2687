"""One thread scores the images of many requests: together, each its own answer, none lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mfclip.inference.inputs import Given
from mfclip.inference.points import Point
from mfclip.metrics.operating import OperatingPoints
from mfclip.serving.worker import Lane, Worker

BALANCED = Point("balanced", 0.5)


@dataclass(eq=False)
class Detector:
    """Log-odds: the first value of an image less 100. It waits for the gate, and keeps count."""

    gate: threading.Event = field(default_factory=threading.Event)
    passes: list[list[int]] = field(default_factory=list)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    operating: OperatingPoints = field(default_factory=OperatingPoints)
    finder: None = None
    familiar: None = None
    broken: int = -1
    """An image with this first value makes its pass fail."""

    def predictor(self, images):
        self.begun.release()
        assert self.gate.wait(20)
        values = [int(image.flatten()[0]) for image in images]
        self.passes.append(values)
        if self.broken in values:
            raise RuntimeError("cannot be scored")
        return np.array(values) - 100.0


def given(value: int, side: int = 4) -> Given:
    return Given(None, torch.full((3, side, side), value, dtype=torch.uint8))


def expected(value: int) -> float:
    return 1 / (1 + np.exp(100.0 - value))


@pytest.fixture
def worker_of():
    made = []

    def make(**settings) -> Worker:
        settings = {"batch_size": 4, "linger": 0.0, "most_pixels": 10**6} | settings
        made.append(Worker(**settings))
        return made[-1]

    yield make
    for worker in made:
        assert worker.close(20)


def test_images_that_wait_go_together_and_each_gets_its_own_score(worker_of):
    worker, detector = worker_of(), Detector()
    first = worker.score(Lane(detector, BALANCED), given(90))
    assert detector.begun.acquire(timeout=20)
    others = [worker.score(Lane(detector, BALANCED), given(95 + n)) for n in range(6)]
    detector.gate.set()
    found = [one.result(20) for one in (first, *others)]
    assert [one.p_fake for one in found] == pytest.approx([expected(v) for v in
                                                           (90, *range(95, 101))])  # fmt: skip
    assert detector.passes == [[90], [95, 96, 97, 98], [99, 100]]
    assert [one.verdict for one in found] == ["real"] * 6 + ["fake"]


def test_thresholds_and_detectors_do_not_mix_and_the_oldest_is_next(worker_of):
    worker, a, b = worker_of(), Detector(), Detector()
    b.gate.set()
    strict = Point("given", 0.0)
    worker.score(Lane(a, BALANCED), given(1))
    assert a.begun.acquire(timeout=20)
    waiting = [
        worker.score(Lane(*pair), given(value))
        for value, pair in enumerate([(b, BALANCED), (a, BALANCED), (b, strict), (b, BALANCED)])
    ]
    a.gate.set()
    assert [one.result(20).verdict for one in waiting] == ["real", "real", "fake", "real"]
    assert (a.passes, b.passes) == ([[1], [1]], [[0, 3], [2]])


def test_a_batch_waits_a_moment_for_more(worker_of):
    worker, detector = worker_of(linger=20.0, batch_size=3), Detector()
    detector.gate.set()
    waiting = [worker.score(Lane(detector, BALANCED), given(n)) for n in range(3)]
    started = time.monotonic()
    assert [one.result(20).status for one in waiting] == ["ok"] * 3
    assert time.monotonic() - started < 15, "a full batch waits no longer"
    assert detector.passes == [[0, 1, 2]]


def test_one_image_that_fails_spoils_no_other(worker_of):
    worker, detector = worker_of(), Detector(broken=13)
    worker.score(Lane(detector, BALANCED), given(1))
    assert detector.begun.acquire(timeout=20)
    waiting = [worker.score(Lane(detector, BALANCED), given(n)) for n in (12, 13, 14)]
    detector.gate.set()
    assert waiting[0].result(20).p_fake == pytest.approx(expected(12))
    assert waiting[2].result(20).p_fake == pytest.approx(expected(14))
    with pytest.raises(RuntimeError, match="cannot be scored"):
        waiting[1].result(20)
    after = worker.score(Lane(detector, BALANCED), given(15))
    assert after.result(20).status == "ok"


def test_the_end_answers_what_waits_and_takes_no_more():
    worker, detector = Worker(batch_size=2, linger=0, most_pixels=10**6), Detector()
    waiting = [worker.score(Lane(detector, BALANCED), given(n)) for n in range(5)]
    assert not worker.close(0.05), "it is not done yet"
    detector.gate.set()
    assert worker.close(20)
    assert all(one.done() and one.result().status == "ok" for one in waiting)
    with pytest.raises(RuntimeError, match="stopped"):
        worker.score(Lane(detector, BALANCED), given(1))


def test_pixels_that_wait_are_bounded(worker_of):
    worker, detector = worker_of(most_pixels=100, batch_size=1), Detector()
    lane = Lane(detector, BALANCED)
    worker.score(lane, given(1, side=10))
    assert detector.begun.acquire(timeout=20)
    worker.score(lane, given(2, side=10))
    third: list = []
    bring = threading.Thread(target=lambda: third.append(worker.score(lane, given(3, side=10))))
    bring.start()
    bring.join(0.2)
    assert bring.is_alive(), "100 pixels wait already"
    detector.gate.set()
    bring.join(20)
    assert third[0].result(20).p_fake == pytest.approx(expected(3))


def test_what_is_cancelled_is_not_scored(worker_of):
    worker, detector = worker_of(), Detector()
    lane = Lane(detector, BALANCED)
    worker.score(lane, given(1))
    assert detector.begun.acquire(timeout=20)
    given_up, kept = worker.score(lane, given(2)), worker.score(lane, given(3))
    assert given_up.cancel()
    detector.gate.set()
    assert kept.result(20).status == "ok"
    with pytest.raises(CancelledError):
        given_up.result(20)
    assert detector.passes == [[1], [3]]


def test_another_call_goes_alone_and_in_its_turn(worker_of):
    worker, detector = worker_of(), Detector()
    lane = Lane(detector, BALANCED)
    worker.score(lane, given(1))
    assert detector.begun.acquire(timeout=20)
    before, call = worker.score(lane, given(2)), worker.run(lambda: list(detector.passes))
    detector.gate.set()
    assert call.result(20) == [[1], [2]]
    assert before.done()


def test_an_image_without_anything_to_score_does_not_wait(worker_of):
    worker, lane = worker_of(), Lane(SimpleNamespace(finder=None, operating=None), BALANCED)
    done = worker.score(lane, Given(None, None, "empty", "has no bytes"))
    assert done.done()
    assert (done.result().status, done.result().verdict) == ("empty", None)
