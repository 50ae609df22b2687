"""Making a plan of a source, and holding a later run to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from mfclip.data.left_out import LeftOut
from mfclip.errors import DataError, UsageError
from mfclip.scale.places import Place
from mfclip.scale.plan import FOLDER, Plan, Table
from mfclip.scale.sources import Entry, Fingerprint, Source
from mfclip.scale.tables import LISTED, Columns, bytes_of, columns_of, open_table, parquet_library
from mfclip.text import differences

SHARD = 100
"""Partitions in one table of listed inputs."""


def make_plan(
    place: Place,
    source: Source,
    partition: int,
    conditions: dict[str, Any],
    left_out: LeftOut,
) -> Plan:
    """Cut a source into partitions and write down how; in memory that does not grow with it.

    Raises
    ------
    UsageError
        Where nothing is there.
    DataError
        For a table that is no Parquet, or holds neither paths nor bytes.
    """
    fingerprint = Fingerprint()
    entries = fingerprint.passing(source.entries(left_out))
    if source.is_table:
        tables, columns = _given(entries, source.options)
    else:
        tables, columns = list(_listed(place, entries, partition)), LISTED
    plan = Plan(
        source.names,
        source.folder,
        str(fingerprint),
        sum(table.rows for table in tables),
        partition,
        not source.is_table,
        columns,
        conditions,
        tables,
    )
    plan.write(place)
    return plan


def require_same(
    plan: Plan,
    place: Place,
    source: Source,
    partition: int | None,
    conditions: dict[str, Any],
    left_out: LeftOut,
) -> None:
    """Look through the source once more. Raises :class:`UsageError` where anything has changed."""
    fingerprint = Fingerprint()
    files = sum(1 for _ in fingerprint.passing(source.entries(left_out)))
    now = replace(
        plan,
        sources=source.names,
        folder=source.folder,
        fingerprint=str(fingerprint),
        inputs=files if plan.listed else plan.inputs,
        partition=partition or plan.partition,
        listed=not source.is_table,
        conditions=conditions,
    )
    if changed := differences(plan.basis, now.basis):
        raise UsageError(
            f"the unfinished run in {place.address} was another:\n{changed}\n"
            "  bring the source, the detector and the options back to what they were, begin again "
            "with --restart, or give another --out"
        )


def _given(entries: Iterable[Entry], options: str) -> tuple[list[Table], Columns]:
    """Tables that a source consists of, and what they hold.

    Raises :class:`DataError` for one that is no Parquet, or holds neither paths nor bytes.
    """
    tables: list[Table] = []
    columns: Columns | None = None
    for entry in entries:
        with open_table(entry.name, options) as table:
            own = columns_of(table.schema_arrow, entry.name)
            if columns not in (None, own):
                raise DataError(f"{entry.name} holds {own}, and the tables before it {columns}")
            columns = own
            tables.append(Table(entry.name, table.metadata.num_rows))
    return tables, columns or LISTED


def _listed(place: Place, entries: Iterable[Entry], partition: int) -> Iterator[Table]:
    """Write the names of a source's files into tables of the plan, as they come."""
    arrow, _ = parquet_library()
    schema = arrow.schema([("path", arrow.binary())])
    names = (os.fsencode(entry.name) for entry in entries)
    groups = iter(lambda: list(islice(names, partition)), [])
    for number, shard in enumerate(iter(lambda: list(islice(groups, SHARD)), [])):
        name = f"{FOLDER}/inputs-{number:06}.parquet"
        place.put(name, bytes_of(arrow.table({"path": group}, schema=schema) for group in shard))
        yield Table(place.file(name), sum(map(len, shard)))
