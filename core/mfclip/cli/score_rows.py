"""Rows of ``mfclip score`` as CSV, JSON Lines or a table, written as they come."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Literal, Protocol

from mfclip.inference.rows import COLUMNS, Row, rows_of

if TYPE_CHECKING:
    from mfclip.data.credentials import CredentialsReader
    from mfclip.inference.score import Score

CREDENTIALS_COLUMNS = ("credentials", "credentials_signer", "credentials_source")
"""Of the file, where they are asked for; beside the score, which they have no part in."""

Format = Literal["table", "csv", "jsonl"]


class Sink(Protocol):
    """Takes one row after the other."""

    def begin(self) -> None:
        """Write what stands above the rows."""

    def write(self, row: Row) -> None:
        """Write one row."""


def pour(
    scores: Iterable[Score],
    stream: IO[str],
    sink: Sink,
    counts: Counter[str],
    every: int,
    credentials: CredentialsReader | None = None,
) -> None:
    """Write scores as they come, and count verdicts, or statuses where there is no verdict.

    With faces, those of whole pictures are counted.

    The stream is flushed after ``every`` so many rows, so that a killed run loses no more.
    """
    for number, score in enumerate(scores, 1):
        beside = _credentials(score, credentials) if credentials else {}
        for row in rows_of(score):
            sink.write(row | beside)
        counts[score.verdict or score.status] += 1
        if number % every == 0:
            stream.flush()
    stream.flush()


def _credentials(score: Score, read: CredentialsReader) -> Row:
    assert score.path is not None, "rows are of files"
    found = read(score.path)
    state = f"{found.state}: {found.reason}" if found.reason else found.state
    return dict(zip(CREDENTIALS_COLUMNS, (state, found.signer, found.source), strict=True))


def sink_for(stream: IO[str], form: Format, columns: Sequence[str] = COLUMNS) -> Sink:
    """The writer of a format."""
    if form == "csv":
        return CsvSink(stream, columns)
    return JsonSink(stream) if form == "jsonl" else TableSink(stream)


class CsvSink:
    """Rows as CSV with a header."""

    def __init__(self, stream: IO[str], columns: Sequence[str] = COLUMNS) -> None:
        self._writer = csv.DictWriter(stream, columns, lineterminator="\n")

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
        """Write one row; which face it is and what is wrong stand behind the path."""
        p_fake = "-" if row["p_fake"] is None else f"{row['p_fake']:.4f}"
        verdict, point = row["verdict"] or "-", row["operating_point"]
        fixed = f"{p_fake:>7}  {verdict:<7}  {row['threshold']:>9.4f}  {point:<8}"
        reason = f" ({row['reason']})" if row["reason"] else ""
        face = _face_of(row)
        signed = _signed(row)
        self._stream.write(f"{fixed}  {row['status']:<18}  {row['path']}{face}{reason}{signed}\n")


def _signed(row: Row) -> str:
    """The credentials of the file; empty where they were not asked for."""
    if "credentials" not in row:
        return ""
    told = [str(row[name]) for name in CREDENTIALS_COLUMNS if row[name]]
    return f" [credentials {', '.join(told)}]"


def _face_of(row: Row) -> str:
    """Number and box of a face; empty for a row that is of none."""
    if row.get("face") is None:
        return ""
    box = ", ".join(f"{row[side]:.0f}" for side in ("left", "top", "right", "bottom"))
    return f" face {row['face']} of {row['faces']} at {box}"
