"""Check: a video's id stands for one video, and its frames are in one split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mfclip.data.audit.findings import Finding, first_few, naming
from mfclip.data.manifest import Manifest
from mfclip.data.videos import ADVICE, SHARED, columns_of, mixed_videos
from mfclip.text import counted

_APART = (
    "move all frames of a video into one split; "
    "otherwise a detector is tested on what it was trained on"
)


def check_videos(manifest: Manifest) -> Iterator[Finding]:
    """Videos in two splits, with two labels, and ids that stand for several videos."""
    columns = columns_of(manifest)
    video, split = columns.pop("video"), columns.pop("split")
    named = [name if part else "" for name, part in zip(video, split, strict=True)]
    crossing = mixed_videos(named, {"split": split})["split"]
    yield from _finding("video-in-two-splits", "in two splits or more", crossing, _APART)
    mixed = mixed_videos(video, columns)
    labels = mixed["label"]
    yield from _finding("video-with-two-labels", "with two labels", labels, ADVICE)
    for column in SHARED[1:]:
        others = {name: values for name, values in mixed[column].items() if name not in labels}
        where = f"with two values of {column}"
        yield from _finding(f"video-with-two-{column}", where, others, ADVICE)


def _finding(
    code: str, where: str, found: Mapping[str, Sequence[str]], advice: str
) -> Iterator[Finding]:
    if found:
        told = [f"{name} ({', '.join(value or 'none' for value in found[name])})" for name in found]
        message = f"{counted(len(found), 'video')} {where}{naming(told)}"
        yield Finding("error", code, message, advice, first_few(told))
