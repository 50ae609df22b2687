"""What a look at the installation finds: tables, and faults with their next steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfclip.text import aligned, table_row

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    what: str
    """What is wrong, and with whom."""
    next_step: str
    """What to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """One subject, a row each."""

    name: str
    """Its heading, and its key in JSON."""
    heading: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(slots=True)
class Report:
    """Everything that was found."""

    tables: list[Table] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, look: Callable[[], tuple[Table, list[Fault]]]) -> None:
        """Take in one subject. What goes wrong while looking is a fault like any other."""
        with self.surviving(look.__name__.strip("_")):
            table, faults = look()
            self.tables.append(table)
            self.faults += faults

    @contextmanager
    def surviving(self, subject: str) -> Iterator[None]:
        """An error in here becomes a fault of the report."""
        try:
            yield
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            step = "see the cause; pip install --force-reinstall mfclip mends mfclip itself"
            self.faults.append(Fault(f"{subject} cannot be looked at: {cause}", step))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: one list a table, one object a row."""
        tables = {table.name: _objects(table) for table in self.tables}
        faults = [{"what": _clean(f.what), "next_step": _clean(f.next_step)} for f in self.faults]
        return {**tables, "faults": faults}

    def as_markdown(self) -> str:
        """Aligned tables, to read in a terminal and to paste into a bug report."""
        blocks = [f"### {table.name}\n\n{_markdown(table)}" for table in self.tables]
        lines = [f"* {_clean(f.what)}\n  next step: {_clean(f.next_step)}" for f in self.faults]
        return "\n\n".join([*blocks, "### faults", "\n".join(lines) or "none"])


def _objects(table: Table) -> list[dict[str, Cell]]:
    return [dict(zip(table.heading, map(_clean, row), strict=True)) for row in table.rows]


def _markdown(table: Table) -> str:
    rows = [table.heading, *(tuple(map(_shown, row)) for row in table.rows)]
    head, *body = aligned(rows)
    rule = ["-" * len(cell) for cell in head]
    return "\n".join(map(table_row, [head, rule, *body]))


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return "-" if cell in (None, "") else str(_clean(cell)).replace("|", "\\|")


def _clean(cell: Cell) -> Cell:
    """One line, and nobody's name in it: the home folder becomes ``~``."""
    if not isinstance(cell, str):
        return cell
    home = str(Path.home())
    text = cell.replace(home, "~") if len(home) > 1 else cell
    return " ".join(text.split())
