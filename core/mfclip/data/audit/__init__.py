"""The data check: what is wrong with a manifest and its files, all of it at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from mfclip.data.audit.counts import check_counts
from mfclip.data.audit.duplicates import check_duplicates
from mfclip.data.audit.files import check_blank, check_files
from mfclip.data.audit.findings import Audit, Finding, Severity
from mfclip.data.audit.groups import check_groups
from mfclip.data.audit.identities import check_identities
from mfclip.data.audit.levels import check_levels
from mfclip.data.audit.looks import Look, look
from mfclip.data.audit.near_duplicates import check_near_duplicates
from mfclip.data.audit.nuisance import as_reencoded, check_nuisances
from mfclip.data.audit.probing import in_threads, probe
from mfclip.data.audit.videos import check_videos
from mfclip.data.manifest import NAMED_SPLITS, Manifest, Split
from mfclip.data.scorable import SMALLEST

__all__ = ["Audit", "Finding", "Severity", "audit"]

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def audit(
    manifest: Manifest,
    *,
    progress: Callable[[int, int], None] | None = None,
    splits: Sequence[Split] = NAMED_SPLITS,
    looks: bool = False,
    smallest: int = SMALLEST,
    reencode: str | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> Audit:
    """Check everything and raise nothing.

    Files are read at their head and end; those that share their length with another are read
    whole, to compare them. Threads do the reading, so slow disks and hundreds of thousands of
    files are fine.

    Parameters
    ----------
    progress
        Is told steps done and steps in all: two for each row, three with ``looks``.
    splits
        The splits that must have images of both labels, where the rows name splits at all.
    looks
        Also decode every image, for brightness, blank ones and near-duplicates. Takes about as
        long as one epoch's decoding.
    smallest
        Shortest side of an image that is scored, pixels, as in the recipe.
    reencode
        As under ``[data]``: format, size and quality are judged as a detector gets the images.
    sample
        Files that are read, drawn from ``seed``, where there are more; a note says how many of how
        many. None: all of them. The rows are all checked in any case.
    """
    files = _sampled(manifest, sample, seed)
    count = len(files)
    total = (3 if looks else 2) * count
    tell = progress or (lambda done, total: None)
    task = partial(probe, smallest=smallest)
    probes = list(in_threads(task, files.files(), lambda done: tell(done, total)))
    seen: list[Look | None] = [None] * count
    if looks:
        seen = list(in_threads(look, files.files(), lambda done: tell(count + done, total)))
        probes = [
            replace(found, brightness=one.brightness if one else None)
            for found, one in zip(probes, seen, strict=True)
        ]
    findings = [
        *(Finding("note", "missing-values", note) for note in manifest.notes),
        *_tell_sample(count, len(manifest), seed),
        *check_files(files, probes),
        *check_blank(files, seen),
        *check_counts(manifest, splits),
        *check_groups(manifest),
        *check_identities(manifest),
        *check_videos(manifest),
        *check_levels(manifest),
        *check_duplicates(files, probes, lambda done: tell(total - count + done, total)),
        *check_near_duplicates(files, seen),
        *check_nuisances(files, [as_reencoded(one, reencode) for one in probes]),
    ]
    tell(total, total)
    return Audit(tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))))


def _sampled(manifest: Manifest, sample: int | None, seed: int) -> Manifest:
    """The rows whose files are read, in their order."""
    if sample is None or sample >= len(manifest):
        return manifest
    places = sorted(random.Random(seed).sample(range(len(manifest)), sample))
    return replace(manifest, rows=tuple(manifest.rows[place] for place in places))


def _tell_sample(read: int, total: int, seed: int) -> Iterator[Finding]:
    if read < total:
        message = (
            f"{read} of {total} files were read, drawn with seed {seed}: what is said of files, "
            "duplicates and their properties is of these; most pairs of duplicates are not both "
            "among them"
        )
        yield Finding("note", "sampled", message)
