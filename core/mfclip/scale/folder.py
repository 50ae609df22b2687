"""The folder of a run: whose it is, what is finished in it, and how it is begun anew."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mfclip.errors import UsageError
from mfclip.scale.places import Place
from mfclip.scale.plan import FOLDER, PLAN, Partition, Plan
from mfclip.scale.tables import KEY, open_table

_PART = re.compile(r"part-(\d{8,})\.parquet")
_LEFT = re.compile(r"\.part-\d{8,}\.parquet\.[0-9a-f]{8}\.new")
"""What a killed writer leaves."""


def require_own(place: Place, *, resume: bool, restart: bool) -> None:
    """Before anything is loaded or removed.

    Raises :class:`UsageError` where something would be lost: an earlier run without either flag,
    or files of somebody else's.
    """
    if resume and restart:
        raise UsageError("--resume and --restart exclude each other; give one of them")
    own = (_PART, _LEFT)
    names = [name for name in place.names() if name != FOLDER]
    others = [name for name in names if not any(one.fullmatch(name) for one in own)]
    if others:
        raise UsageError(
            f"{place.address} holds other files, such as {sorted(others)[0]!r}; give a folder for "
            "the scores alone"
        )
    if not (resume or restart) and place.read(PLAN) is not None:
        raise UsageError(
            f"{place.address} holds the scores of an earlier run: go on with --resume, or discard "
            "them with --restart"
        )


def clear(place: Place) -> None:
    """Remove a plan and its partitions: the plan first, so that nothing is taken for finished."""
    place.remove(PLAN)
    for name in place.names():
        if name != FOLDER:
            place.remove(name)
    for name in place.names(FOLDER):
        place.remove(f"{FOLDER}/{name}")


def finished(place: Place, plan: Plan) -> bytearray:
    """For each partition whether its file is there; what killed writers left is removed."""
    done = bytearray(len(plan))
    for name in place.names():
        if found := _PART.fullmatch(name):
            done[int(found[1])] = 1
        elif _LEFT.fullmatch(name):
            place.remove(name)
    return done


def counts_of(place: Place, plan: Plan, partition: Partition) -> Mapping[str, int]:
    """Verdicts and statuses in a finished partition.

    Raises :class:`UsageError` for one that is not of this plan.
    """
    with open_table(place.file(partition.file), place.options) as table:
        told = json.loads((table.metadata.metadata or {}).get(KEY, b"{}"))
    if told.get("plan") != plan.key:
        raise UsageError(
            f"{place.file(partition.file)} is of another run; begin again with --restart"
        )
    counts: Mapping[str, int] = told["counts"]
    return counts
