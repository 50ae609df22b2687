"""Check: no face in two splits, and none in most of the images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from mfclip.data.audit.findings import Finding, first_few, naming
from mfclip.data.manifest import Manifest
from mfclip.data.splits import is_dominant
from mfclip.text import counted


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
            f"{counted(len(crossing), 'identity')} in two splits or more".replace("ys ", "ies ")
            + naming(described),
            "move all images of an identity into one split, or leave the column split empty: "
            "then the splits are drawn with identities together",
            first_few(described),
        )
    yield from _dominant(manifest)
    if not any(row.identity for row in manifest.rows):
        message = "no identities are given, so the same face may be in two splits unnoticed"
        yield Finding("note", "no-identities", message)


def _dominant(manifest: Manifest) -> Iterator[Finding]:
    """An identity or a video that would leave resampling nothing to draw."""
    for column in ("identity", "video"):
        counts = Counter(getattr(row, column) for row in manifest.rows)
        del counts[""]
        for name, count in counts.most_common(1):
            if is_dominant(count, len(manifest)):
                yield Finding(
                    "warning",
                    f"one-{column}",
                    f"{count} of {len(manifest)} images have the {column} {name!r}: intervals draw "
                    f"whole {'identities' if column == 'identity' else 'videos'}, and would be "
                    "meaningless",
                    f"check that {name!r} is one {column} and no stand-in for a missing value; "
                    "leave the cell empty where it is not known",
                    (name,),
                )
