"""Rows of ``mfclip score`` as CSV, JSON Lines or a table, written as they come."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from mfclip.inference.score import Score

COLUMNS = ("path", "p_fake", "verdict", "threshold", "operating_point", "status", "reason")

Format = Literal["table", "csv", "jsonl"]
Row = dict[str, str | float | None]


class Sink(Protocol):
    """Takes one row after the other."""

    def begin(self) -> None:
        """Write what stands above the rows."""

    def write(self, row: Row) -> None:
        """Write one row."""


def pour(
    scores: Iterable[Score], stream: IO[str], sink: Sink, counts: Counter[str], every: int
) -> None:
    """Write scores as they come, and count verdicts, or statuses where there is no verdict.

    The stream is flushed after ``every`` so many rows, so that a killed run loses no more.
    """
    for number, score in enumerate(scores, 1):
        sink.write(row_of(score))
        counts[score.verdict or score.status] += 1
        if number % every == 0:
            stream.flush()
    stream.flush()


def row_of(score: Score) -> Row:
    """One value a column."""
    return {
        "path": str(score.path),
        "p_fake": None if score.p_fake is None else round(score.p_fake, 6),
        "verdict": score.verdict,
        "threshold": round(score.threshold, 6),
        "operating_point": score.operating_point,
        "status": str(score.status),
        "reason": score.reason or None,
    }


def sink_for(stream: IO[str], form: Format) -> Sink:
    """The writer of a format."""
    sinks: dict[Format, Callable[[IO[str]], Sink]] = {
        "csv": CsvSink,
        "jsonl": JsonSink,
        "table": TableSink,
    }
    return sinks[form](stream)


class CsvSink:
    """Rows as CSV with a header."""

    def __init__(self, stream: IO[str]) -> None:
        self._writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")

    def begin(self) -> None:
        """Write the names of the columns."""
        self._writer.writeheader()

    def write(self, row: Row) -> None:
        """Write one row."""
        self._writer.writerow(row)


class JsonSink:
    """Rows as one JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self) -> None:
        """Nothing: every line names its columns."""

    def write(self, row: Row) -> None:
        """Write one row."""
        self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")


class TableSink:
    """Rows in columns for people; printed as they come, so any number of files fits."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self) -> None:
        """Write the titles."""
        titles = f"{'P_FAKE':>7}  {'VERDICT':<7}  {'THRESHOLD':>9}  {'POINT':<8}  {'STATUS':<18}"
        self._stream.write(f"{titles}  PATH\n")

    def write(self, row: Row) -> None:
        """Write one row; what is wrong with a file stands behind its path."""
        p_fake = "-" if row["p_fake"] is None else f"{row['p_fake']:.4f}"
        verdict, point = row["verdict"] or "-", row["operating_point"]
        fixed = f"{p_fake:>7}  {verdict:<7}  {row['threshold']:>9.4f}  {point:<8}"
        reason = f" ({row['reason']})" if row["reason"] else ""
        self._stream.write(f"{fixed}  {row['status']:<18}  {row['path']}{reason}\n")
