"""The actors of a run: started, given partitions, and replaced where one ends."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mfclip.errors import UsageError, in_one_line
from mfclip.exporting.packages import needed
from mfclip.scale.carried import Carried
from mfclip.scale.plan import Partition
from mfclip.scale.work import How, Task, Worker
from mfclip.text import differences

ATTEMPTS = 3
"""Times that a partition is tried, and that an actor may end while it starts."""

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
"""Ray's own, where the user has not set them: nothing is told to its makers, and a busy machine
has time to start."""


class Done(NamedTuple):
    """A partition that is finished, or given up."""

    partition: Partition
    counts: dict[str, int] | None
    """Verdicts and statuses; None: given up."""
    trouble: str = ""
    """Why."""


def ray_library() -> Any:
    """Ray, not connected. Raises :class:`mfclip.errors.MissingExtraError`."""
    for name, value in SETTINGS.items():  # read while it is imported
        os.environ.setdefault(name, value)
    (ray,) = needed("ray", "scoring on a cluster", "ray")
    return ray


@contextmanager
def connected() -> Iterator[Any]:
    """Ray, connected: as the caller has it, else to ``RAY_ADDRESS``, a cluster that runs on this
    machine, or one that is started here and ends with the block.

    Raises :class:`UsageError` where none can be reached or started, and
    :class:`mfclip.errors.MissingExtraError`.
    """
    ray = ray_library()
    if ray.is_initialized():
        yield ray
        return
    try:
        with _own_signals():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises a bare one where a process of its own does not start
        raise UsageError(
            f"Ray cannot be reached or started: {in_one_line(error)}; RAY_ADDRESS says where a "
            "cluster is, without it one is started here"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Leave SIGTERM to whoever has it: Ray takes it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, earlier)


class Crew:
    """Actors that score partitions, each as soon as it has loaded the detector.

    Parameters
    ----------
    actors
        How many; None: as many as the cluster has room for now.
    gpus
        Of each actor, also a share of one; 0: it computes on a core.
    here
        Files and folders that every node must see.

    Raises
    ------
    UsageError
        Where there is no room for a single one.
    """

    def __init__(
        self, ray: Any, carried: Carried, how: How, actors: int | None, gpus: float, here: list[str]
    ) -> None:
        self._ray = ray
        self._given = (ray.put(carried), how, "cuda" if gpus else "cpu", here)
        self._cores, self._gpus = 1 + how.workers, gpus
        self._size = actors or self._room()
        self._starting: dict[Any, Any] = {}
        self._ready: list[Any] = []
        self._busy: dict[Any, tuple[Any, Partition]] = {}
        self._ended = 0
        self._conditions: dict[str, Any] | None = None

    def conditions(self) -> dict[str, Any]:
        """What the scores depend on besides the inputs, by the first actor that is ready."""
        self._start()
        while self._conditions is None:
            self._take_one()
        return self._conditions

    def score(self, partitions: Iterator[Partition], task: Task) -> Iterator[Done]:
        """Partitions as they are finished; at most one an actor is under way.

        Raises
        ------
        UsageError
            Where actors end while they start, or one computes otherwise than the first.
        """
        for _ in range(self._size - 1):
            self._start()
        again: deque[Partition] = deque()
        tried: Counter[int] = Counter()
        while True:
            self._hand_out(again, partitions, task)
            if not self._busy and self._ready:
                return
            found = self._take_one()
            if found is None or found.counts is not None:
                yield from [] if found is None else [found]
                continue
            tried[found.partition.number] += 1
            if tried[found.partition.number] < ATTEMPTS:
                again.append(found.partition)
            else:
                yield found

    def close(self) -> None:
        """End the actors."""
        busy = [actor for actor, _ in self._busy.values()]
        for actor in (*self._ready, *self._starting.values(), *busy):
            self._ray.kill(actor)

    def _room(self) -> int:
        found = self._ray.cluster_resources()
        room = int(found.get("CPU", 0) // self._cores)
        if self._gpus:
            room = min(room, int(found.get("GPU", 0) / self._gpus))
        if not room:
            wanted = f"{self._cores} cores" + (f" and {self._gpus:g} GPUs" if self._gpus else "")
            raise UsageError(
                f"an actor takes {wanted}, and the cluster has {found.get('CPU', 0):g} cores and "
                f"{found.get('GPU', 0):g} GPUs; where it grows by itself, say how many: --actors N"
            )
        return room

    def _start(self) -> None:
        of_one = {"num_cpus": self._cores, "num_gpus": self._gpus, "max_restarts": 0}
        actor = self._ray.remote(Worker).options(**of_one).remote()
        self._starting[actor.begin.remote(*self._given)] = actor

    def _hand_out(
        self, again: deque[Partition], partitions: Iterator[Partition], task: Task
    ) -> None:
        while self._ready:
            partition = again.popleft() if again else next(partitions, None)
            if partition is None:
                return
            actor = self._ready.pop()
            self._busy[actor.score.remote(task, partition)] = (actor, partition)

    def _take_one(self) -> Done | None:
        """Wait for whatever comes first: an actor that is ready, or a partition."""
        (found,), _ = self._ray.wait([*self._starting, *self._busy], num_returns=1)
        if found in self._starting:
            self._welcome(found, self._starting.pop(found))
            return None
        actor, partition = self._busy.pop(found)
        try:
            counts = self._ray.get(found)
        except self._ray.exceptions.RayTaskError as error:
            self._ready.append(actor)
            return Done(partition, None, in_one_line(error.cause))
        except self._ray.exceptions.RayError as error:
            self._replace(actor)
            return Done(partition, None, f"its actor ended: {_first_line(error)}")
        self._ready.append(actor)
        return Done(partition, counts)

    def _welcome(self, found: Any, actor: Any) -> None:
        try:
            node, conditions = self._ray.get(found)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            self._ended += 1
            if self._ended == ATTEMPTS:
                raise UsageError(
                    f"{ATTEMPTS} actors have ended while they loaded the detector: "
                    f"{_first_line(error)}"
                ) from error
            self._replace(actor)
            return
        self._ended = 0
        self._conditions = self._conditions or conditions
        if other := differences(self._conditions, conditions):
            raise UsageError(
                f"node {node} scores otherwise than the first one ('then'):\n{other}\n"
                "  --precision says what all are to compute in; or leave the node out"
            )
        self._ready.append(actor)

    def _replace(self, actor: Any) -> None:
        self._ray.kill(actor)
        self._start()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
