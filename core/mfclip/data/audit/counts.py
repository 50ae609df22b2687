"""Check: how many images each split and each label has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mfclip.data.audit.findings import Finding
from mfclip.data.labels import LABELS, Label
from mfclip.data.manifest import NAMED_SPLITS, Manifest, Split

_ADVICE = {
    "split": "put rows into it in the column split, or leave that column empty everywhere: "
    "then the splits are drawn",
    "label": "add such images, or move some there in the column split; "
    "without both labels nothing can be trained or measured",
}


def check_counts(manifest: Manifest, splits: Sequence[Split]) -> Iterator[Finding]:
    """Splits and labels without any image, rows of no split, and the table of counts."""
    if not any(row.split for row in manifest.rows):
        splits = ("",)
    counts = Counter((row.split, row.label.label) for row in manifest.rows)
    for split in splits:
        missing = [label for label in LABELS if not counts[split, label]]
        yield from _missing(split, missing)
    yield from _unassigned(counts.total(), sum(counts["", label] for label in LABELS))
    if splits == ("",) and counts:
        message = "the data name no split: a build draws one from its seed, identities together"
        yield Finding("note", "no-splits", message)
    yield _table(counts)


def _missing(split: Split, labels: Sequence[str]) -> Iterator[Finding]:
    where = f"the split {split!r}" if split else "the data"
    fatal = split != "test"  # without one label there, only its figures are undefined
    if len(labels) == len(LABELS):
        told = f"{where} has no image"
        yield Finding("error", "empty-split", told, _ADVICE["split"], fatal=fatal)
        return
    for label in labels:
        told = f"{where} has no {label} image"
        yield Finding("error", "empty-class", told, _ADVICE["label"], fatal=fatal)


def _unassigned(total: int, without: int) -> Iterator[Finding]:
    if 0 < without < total:
        message = f"{without} of {total} images have no split and are not used"
        yield Finding("warning", "no-split", message, "give them one in the column split")


def _table(counts: Counter[tuple[Split, Label]]) -> Finding:
    names = dict.fromkeys(split for split, _ in counts)
    lines = [
        f"{name or 'no split'} {counts[name, 'real']} real and {counts[name, 'fake']} fake"
        for name in sorted(names, key=(*NAMED_SPLITS, "").index)
    ]
    return Finding("note", "counts", f"{counts.total()} images: {'; '.join(lines)}")
