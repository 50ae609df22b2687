"""How a source is cut into partitions: written first, and held to ever after.

``OUT/_plan/plan.json`` says what the scores rest on and how many partitions there are. It is
written last, so where it is, the files beside it are complete: ``tables.parquet`` names the tables
of inputs with their rows, and for images in folders and stores ``inputs-*.parquet`` are those
tables. A partition is a run of rows of one table; partition 7 is ``OUT/part-00000007.parquet``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from mfclip.errors import UsageError
from mfclip.scale.places import Place
from mfclip.scale.tables import Columns, bytes_of, parquet_library

FOLDER = "_plan"
"""Readers of Parquet pass over what begins with an underscore."""
PLAN, TABLES = f"{FOLDER}/plan.json", f"{FOLDER}/tables.parquet"
PARTITION = 2400
"""Inputs of a partition: a minute or two of one core, and what a crash costs."""


class Table(NamedTuple):
    """A Parquet file of inputs."""

    file: str
    rows: int


class Partition(NamedTuple):
    """Inputs that are scored together, and whose rows appear together."""

    number: int
    table: str
    start: int
    """Its first row."""
    inputs: int

    @property
    def file(self) -> str:
        """Of its scores."""
        return f"part-{self.number:08}.parquet"


@dataclass(frozen=True)
class Plan:
    """What is to be done; the same for every run that goes on with it."""

    sources: list[str]
    folder: str
    """Where relative paths begin."""
    fingerprint: str
    """Of the source's files."""
    inputs: int
    partition: int
    """Inputs of a partition; fewer at the end of a table."""
    listed: bool
    """Whether the tables are the plan's own; else they are the source."""
    columns: Columns
    conditions: dict[str, Any]
    """What scores depend on besides the inputs."""
    tables: list[Table] = field(repr=False)

    def __len__(self) -> int:
        """Partitions."""
        return sum(-(-table.rows // self.partition) for table in self.tables)

    def __iter__(self) -> Iterator[Partition]:
        number = 0
        for file, rows in self.tables:
            for start in range(0, rows, self.partition):
                yield Partition(number, file, start, min(self.partition, rows - start))
                number += 1

    @property
    def text(self) -> str:
        """As it is written, without the tables."""
        told = asdict(self) | {"columns": self.columns._asdict()}
        del told["tables"]
        return json.dumps(told, indent=1) + "\n"

    @property
    def key(self) -> str:
        """What its partitions are marked with."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def basis(self) -> dict[str, Any]:
        """What another plan must have in common to be gone on with, by name."""
        told: dict[str, Any] = json.loads(self.text)
        conditions: dict[str, Any] = told.pop("conditions")
        return told | conditions

    def write(self, place: Place) -> None:
        """Write it; the file that says so comes last."""
        arrow, _ = parquet_library()
        files = [os.fsencode(table.file) for table in self.tables]
        rows = [table.rows for table in self.tables]
        columns = {"file": arrow.array(files, arrow.binary()), "rows": rows}
        place.put(TABLES, bytes_of([arrow.table(columns)]))
        place.put(PLAN, self.text.encode())

    @classmethod
    def read(cls, place: Place) -> Self | None:
        """The plan of a folder; None where there is none. Raises :class:`UsageError` if damaged."""
        _, parquet = parquet_library()
        try:
            found = place.read(PLAN)
            if found is None:
                return None
            table = parquet.read_table(io.BytesIO(place.read(TABLES) or b""))
            told = json.loads(found)
            names = map(os.fsdecode, table["file"].to_pylist())
            tables = [Table(*one) for one in zip(names, table["rows"].to_pylist(), strict=True)]
            return cls(**told | {"columns": Columns(**told["columns"]), "tables": tables})
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise UsageError(
                f"{place.file(PLAN)} cannot be read ({error}); begin again with --restart"
            ) from error
