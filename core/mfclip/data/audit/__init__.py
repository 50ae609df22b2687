"""The data check: what is wrong with a manifest and its files, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mfclip.data.audit.counts import check_counts
from mfclip.data.audit.duplicates import check_duplicates
from mfclip.data.audit.files import check_files
from mfclip.data.audit.findings import Audit, Finding, Severity
from mfclip.data.audit.identities import check_identities
from mfclip.data.audit.levels import check_levels
from mfclip.data.audit.nuisance import check_nuisances
from mfclip.data.audit.probing import in_threads, probe
from mfclip.data.manifest import Manifest, Split

__all__ = ["Audit", "Finding", "Severity", "audit"]

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def audit(
    manifest: Manifest,
    *,
    progress: Callable[[int, int], None] | None = None,
    splits: Sequence[Split] = ("train", "val", "test"),
) -> Audit:
    """Check everything and raise nothing.

    Files are read at their head and end; those that share their length with another are read
    whole, to compare them. Threads do the reading, so slow disks and hundreds of thousands of
    files are fine.

    Parameters
    ----------
    progress
        Is told steps done and steps in all: two for each row.
    splits
        The splits that must have images of both labels, where the rows name splits at all.
    """
    total = 2 * len(manifest)
    tell = progress or (lambda done, total: None)
    probes = list(in_threads(probe, manifest.files(), lambda done: tell(done, total)))
    findings = [
        *check_files(manifest, probes),
        *check_counts(manifest, splits),
        *check_identities(manifest),
        *check_levels(manifest),
        *check_duplicates(manifest, probes, lambda done: tell(len(manifest) + done, total)),
        *check_nuisances(manifest, probes),
    ]
    tell(total, total)
    return Audit(tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))))
