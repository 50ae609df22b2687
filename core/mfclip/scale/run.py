"""One run over a source: plan, actors, and what is there in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from mfclip.data.left_out import LeftOut
from mfclip.errors import UsageError
from mfclip.locks import holding
from mfclip.scale.carried import Carried
from mfclip.scale.crew import Crew, Done, connected, ray_library
from mfclip.scale.folder import clear, counts_of, finished, require_own
from mfclip.scale.places import Place, is_address
from mfclip.scale.plan import PARTITION, Plan
from mfclip.scale.planning import make_plan, require_same
from mfclip.scale.sources import Source
from mfclip.scale.work import How, Task

GIVEN_UP = 10
"""Partitions that may fail before a run ends: what is wrong with so many is wrong with all."""
READERS = 16
"""Finished partitions that are looked into at a time."""


@dataclass
class Outcome:
    """What there is in the end."""

    counts: Counter[str] = field(default_factory=Counter)
    """Inputs by verdict, or by status where there is no verdict; of earlier runs too."""
    partitions: int = 0
    """Of the plan."""
    skipped: int = 0
    """That earlier runs had finished."""
    failed: list[Done] = field(default_factory=list)
    """Partitions without scores; a later run with ``resume`` tries them again."""
    left_out: LeftOut = field(default_factory=LeftOut)
    """What lies in the source's folders and is neither an image nor a film."""


def write_scores(
    sources: Sequence[str | Path],
    bundle: str | Path,
    out: str | Path,
    how: How | None = None,
    *,
    actors: int | None = None,
    gpus_per_actor: float = 0,
    partition: int | None = None,
    resume: bool = False,
    restart: bool = False,
    registry: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Score a source on Ray into a folder of Parquet files, with each input's rows once.

    Ray is used as the caller has connected it, else it is connected to ``RAY_ADDRESS``, to a
    cluster on this machine, or started.

    Parameters
    ----------
    sources
        Images: files, folders, globs, addresses such as ``s3://bucket/faces``. Or Parquet, with
        paths or with the images' bytes. A store's options stand behind a ``?``.
    bundle
        A bundle or an exported model; it travels with the run.
    out
        A folder or an address for the scores alone.
    actors
        Detectors that score at a time; None: as many as the cluster has room for.
    gpus_per_actor
        0: on the CPU.
    partition
        Inputs of a partition; None: :data:`mfclip.scale.plan.PARTITION`, or the plan's own.
    resume, restart
        Go on with the run in ``out``, or discard it.
    registry
        As for :func:`mfclip.load`.
    progress
        Told the inputs that are done and their total.

    Raises
    ------
    MissingExtraError
        Without ``mfclip[ray]``.
    UsageError
        Where ``out`` holds something else, the source, the detector or the options are not those
        of the plan, or there is no room for an actor.
    DataError
        Where a node does not see the source, or a table holds no images.
    BundleError
        As :func:`mfclip.load`.
    """
    _require_some(actors, gpus_per_actor, partition)
    ray_library()  # says at once where the extra is missing
    place, source = Place.of(str(out)), Source([str(name) for name in sources])
    require_own(place, resume=resume, restart=restart)
    carried = Carried.of(Path(bundle), None if registry is None else Path(registry))
    here = [str(Path(one).absolute()) for one in source.names if _must_be_seen(one)]
    with (
        holding(Path(place.address)) if place.is_local else nullcontext(),
        connected() as ray,
        closing(Crew(ray, carried, how or How(), actors, gpus_per_actor, here)) as crew,
    ):
        return _run(crew, place, source, partition, progress, restart=restart)


def _require_some(actors: int | None, gpus: float, partition: int | None) -> None:
    for name, value, least in (("actors", actors, 1), ("partition", partition, 1)):
        if value is not None and value < least:
            raise UsageError(f"{name} must be {least} or more, got {value}")
    if not gpus >= 0:
        raise UsageError(f"gpus_per_actor must be 0 or more, got {gpus}")


def _must_be_seen(name: str) -> bool:
    return not is_address(name) and Path(name).exists()


def _run(
    crew: Crew,
    place: Place,
    source: Source,
    partition: int | None,
    progress: Callable[[int, int], None] | None,
    *,
    restart: bool,
) -> Outcome:
    outcome = Outcome()
    conditions = crew.conditions()
    plan = None if restart else Plan.read(place)
    if plan is None:
        clear(place)
        plan = make_plan(place, source, partition or PARTITION, conditions, outcome.left_out)
    else:
        require_same(plan, place, source, partition, conditions, outcome.left_out)
    outcome.partitions = len(plan)
    done = finished(place, plan)
    _count_earlier(outcome, place, plan, done)
    task = Task(place, source.options, plan.folder, plan.columns, plan.listed, plan.key)
    todo = (one for one in plan if not done[one.number])
    for one in crew.score(todo, task):
        if one.counts is None:
            outcome.failed.append(one)
            if len(outcome.failed) == GIVEN_UP:
                break
        else:
            outcome.counts.update(one.counts)
        if progress is not None:
            progress(outcome.counts.total(), plan.inputs)
    return outcome


def _count_earlier(outcome: Outcome, place: Place, plan: Plan, done: bytearray) -> None:
    """Count what earlier runs finished; each file says so itself."""
    earlier = (one for one in plan if done[one.number])
    with ThreadPoolExecutor(READERS) as pool:
        while some := list(islice(earlier, 64 * READERS)):
            for counts in pool.map(partial(counts_of, place, plan), some):
                outcome.counts.update(counts)
            outcome.skipped += len(some)
