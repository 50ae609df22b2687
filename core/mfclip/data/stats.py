"""How many images there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mfclip.data.audit.probing import Probe, in_threads, probe
from mfclip.data.images import ImageStatus
from mfclip.data.manifest import NAMED_SPLITS, Manifest
from mfclip.text import aligned

_MANY = 12
"""Sizes that are listed; the rest is summed."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A table whose last column counts."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str | int, ...]]

    def as_dicts(self) -> list[dict[str, str | int]]:
        """One dict a row, for JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def as_text(self) -> str:
        """Columns under their names, the last one to the right."""
        lines = [self.columns, *(tuple(str(cell or "-") for cell in row) for row in self.rows)]
        return "\n".join(map("  ".join, aligned(lines, right=True)))


def count_rows(manifest: Manifest) -> Counts:
    """Images and videos by split, label, forgery, generator and group."""
    images: Counter[tuple[str, ...]] = Counter()
    videos: dict[tuple[str, ...], set[str]] = {}
    for row in manifest:
        label = row.label
        kind = (row.split, label.label, label.forgery, label.generator, row.group)
        images[kind] += 1
        videos.setdefault(kind, set()).add(row.video)
    order = (*NAMED_SPLITS, "")
    kinds = sorted(images, key=lambda kind: (order.index(kind[0]), *kind[1:]))
    rows: list[tuple[str | int, ...]] = [
        (*kind, len(videos[kind] - {""}), images[kind]) for kind in kinds
    ]
    columns = ("split", "label", "forgery", "generator", "group", "videos", "images")
    return Counts("labels", columns, rows)


def count_files(manifest: Manifest, progress: Callable[[int, int], None] | None = None) -> Counts:
    """Images by label, format and size, the most frequent first; broken files by their status."""
    total = len(manifest)
    tell = progress or (lambda done, total: None)
    probes = in_threads(probe, manifest.files(), lambda done: tell(done, total))
    pairs = zip(manifest.rows, probes, strict=True)
    counts: Counter[tuple[str, str, str]] = Counter(
        (row.label.label, *_kind(found)) for row, found in pairs
    )
    rows: list[tuple[str | int, ...]] = [(*kind, count) for kind, count in _top(counts)]
    rest = total - sum(int(row[-1]) for row in rows)
    if rest:
        rows.append(("any", "other", f"{len(counts) - len(rows)} kinds", rest))
    return Counts("files", ("label", "format", "size", "images"), rows)


def _top(counts: Mapping[tuple[str, str, str], int]) -> list[tuple[tuple[str, str, str], int]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ordered if len(ordered) <= _MANY else ordered[: _MANY - 1]


def _kind(found: Probe) -> tuple[str, str]:
    if found.status is not ImageStatus.OK:
        return found.status.value, ""
    return found.form, f"{found.width} x {found.height}"
