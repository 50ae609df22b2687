"""Check: groups whose training images have one label alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mfclip.data.audit.findings import Finding, first_few, naming
from mfclip.data.labels import LABELS, Label
from mfclip.data.manifest import Manifest

_ADVICE = (
    "add images of the other label that went through the group's pipeline; on features of a "
    "frozen tower `erase_groups` of the part vector takes out what tells groups of real images "
    "apart. Left out, such a group is a kind of picture that the detector has never seen"
)


def check_groups(manifest: Manifest) -> Iterator[Finding]:
    """Groups that teach that all pictures of their pipeline are real, or fake.

    Only where there is another group: of one alone there is nothing to tell it apart from.
    """
    named = any(row.split for row in manifest.rows)
    counts = Counter(
        (row.group, row.label.label)
        for row in manifest.rows
        if row.group and (row.split == "train" or not named)
    )
    groups = sorted({group for group, _ in counts})
    one_sided = [group for group in groups if not all(counts[group, label] for label in LABELS)]
    if len(groups) < 2 or not one_sided:
        return
    told = [_told(counts, group) for group in one_sided]
    message = (
        f"{len(told)} of {len(groups)} groups have training images of one label alone, which a "
        f"detector can learn to tell by anything else that their pictures share{naming(told)}"
    )
    yield Finding("warning", "group-of-one-label", message, _ADVICE, first_few(one_sided))


def _told(counts: Counter[tuple[str, Label]], group: str) -> str:
    there = next(label for label in LABELS if counts[group, label])
    return f"{group!r} ({counts[group, there]} {there})"
