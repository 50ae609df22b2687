"""Check: no file twice, in two splits or under two labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mfclip.data.audit.findings import Finding, Severity, first_few, naming
from mfclip.data.audit.probing import Probe, in_threads
from mfclip.data.manifest import Manifest, Row
from mfclip.files import sha256
from mfclip.text import counted

_KINDS: tuple[tuple[str, Severity, str, str], ...] = (
    ("duplicate-in-two-labels", "error", "with two labels", "keep the one whose label is true"),
    (
        "duplicate-in-two-splits",
        "error",
        "in two splits",
        "keep one of each; otherwise a detector is tested on what it was trained on",
    ),
    ("duplicate", "warning", "within one split and label", "keep one of each"),
)


def check_duplicates(
    manifest: Manifest, probes: Sequence[Probe], done: Callable[[int], None]
) -> Iterator[Finding]:
    """Files with the same bytes. Only files of one length are read and hashed (SHA-256)."""
    lengths = Counter(found.bytes for found in probes if found.bytes)
    suspects = [
        row
        for row, found in zip(manifest.rows, probes, strict=True)
        if lengths[found.bytes] > 1 and found.bytes
    ]
    digests = in_threads(_digest, [manifest.file(row) for row in suspects], done)
    same: dict[str, list[Row]] = defaultdict(list)
    for row, digest in zip(suspects, digests, strict=True):
        if digest:
            same[digest].append(row)
    yield from _findings([rows for rows in same.values() if len(rows) > 1])


def _findings(sets: Iterable[Sequence[Row]]) -> Iterator[Finding]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for rows in sets:
        told = " = ".join(row.path.as_posix() for row in rows[:3])
        by_kind[_kind(rows)].append(told)
    for code, severity, where, advice in _KINDS:
        found = by_kind[code]
        if found:
            message = f"{counted(len(found), 'file')} there twice or more, {where}" + naming(found)
            yield Finding(severity, code, message, advice, first_few(found))


def _kind(rows: Sequence[Row]) -> str:
    if len({row.label.label for row in rows}) > 1:
        return "duplicate-in-two-labels"
    splits = {row.split for row in rows}
    return "duplicate-in-two-splits" if len(splits) > 1 else "duplicate"


def _digest(path: Path) -> str:
    """SHA-256 of the content; empty for a file that has become unreadable."""
    try:
        return sha256(path)
    except OSError:
        return ""
