"""Check: no face in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mfclip.data.audit.findings import Finding, first_few, naming, plural
from mfclip.data.manifest import Manifest


def check_identities(manifest: Manifest) -> Iterator[Finding]:
    """Identities that occur in more than one split; a note where none are given."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in manifest.rows:
        if row.identity and row.split:
            splits[row.identity].add(row.split)
    crossing = [name for name, found in splits.items() if len(found) > 1]
    if crossing:
        described = [f"{name} ({', '.join(sorted(splits[name]))})" for name in crossing]
        yield Finding(
            "error",
            "identity-in-two-splits",
            f"{plural(len(crossing), 'identity')} in two splits or more".replace("ys ", "ies ")
            + naming(described),
            "move all images of an identity into one split, or leave the column split empty: "
            "then the splits are drawn with identities together",
            first_few(described),
        )
    if not any(row.identity for row in manifest.rows):
        message = "no identities are given, so the same face may be in two splits unnoticed"
        yield Finding("note", "no-identities", message)
