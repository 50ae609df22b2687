"""Check: a video's id stands for one video, and its frames are in one split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mfclip.data.audit.findings import Finding, first_few, naming, plural
from mfclip.data.manifest import Manifest, Row

_SHARED: Mapping[str, Callable[[Row], str]] = {
    "forgery": lambda row: row.label.forgery,
    "family": lambda row: row.label.family,
    "generator": lambda row: row.label.generator,
    "group": lambda row: row.group,
    "identity": lambda row: row.identity,
}
"""What all frames of one video share, beside label and split."""
_UNIQUE = "an id must stand for one video: join the manipulation to it, as in Deepfakes/000_003"


def check_videos(manifest: Manifest) -> Iterator[Finding]:
    """Videos in two splits, with two labels, and ids that stand for several videos."""
    videos: dict[str, list[Row]] = defaultdict(list)
    for row in manifest.rows:
        if row.video:
            videos[row.video].append(row)
    yield from _crossing(videos)
    labels = _differing(videos, lambda row: row.label.label)
    yield from _finding("video-with-two-labels", "with two labels", labels, _UNIQUE)
    for column, value in _SHARED.items():
        mixed = _differing(
            {name: rows for name, rows in videos.items() if name not in labels}, value
        )
        yield from _finding(
            f"video-with-two-{column}", f"with two values of {column}", mixed, _UNIQUE
        )


def _crossing(videos: Mapping[str, Sequence[Row]]) -> Iterator[Finding]:
    found = _differing(
        {name: [row for row in rows if row.split] for name, rows in videos.items()},
        lambda row: row.split,
    )
    advice = (
        "move all frames of a video into one split; "
        "otherwise a detector is tested on what it was trained on"
    )
    yield from _finding("video-in-two-splits", "in two splits or more", found, advice)


def _differing(
    videos: Mapping[str, Iterable[Row]], value: Callable[[Row], str]
) -> dict[str, list[str]]:
    """The videos whose frames differ in a value, each with its values."""
    values = {name: sorted(set(map(value, rows))) for name, rows in videos.items()}
    return {name: found for name, found in values.items() if len(found) > 1}


def _finding(
    code: str, where: str, found: Mapping[str, Sequence[str]], advice: str
) -> Iterator[Finding]:
    if found:
        told = [f"{name} ({', '.join(value or 'none' for value in found[name])})" for name in found]
        message = f"{plural(len(found), 'video')} {where}{naming(told)}"
        yield Finding("error", code, message, advice, first_few(told))
