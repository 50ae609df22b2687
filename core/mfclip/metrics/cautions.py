"""What a reader should know before quoting a figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfclip.data.splits import is_dominant
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable

FEW_IMAGES = 30
"""Below so many images of a class, a row is marked."""
FEW_IDENTITIES = 10
"""Below so many identities, percentile intervals come out clearly too narrow."""


def row_warnings(
    images: ScoreTable, identities: int, pinned: int, *, flawless: bool, noun: str = "images"
) -> Iterator[str]:
    """What makes the figures of some images less than they seem.

    Args:
        images: What the row measures.
        identities: Units that its bootstrap draws.
        pinned: Images that every resample holds.
        flawless: Whether accuracy or AUC is 1.
        noun: What a row of the table is.
    """
    counts = {"real": images.reals, "fake": images.fakes}
    few = [f"{count} {label}" for label, count in counts.items() if 0 < count < FEW_IMAGES]
    if few:
        yield f"only {' and '.join(few)} {noun}: read the interval, not the value"
    if 0 < identities < FEW_IDENTITIES:
        yield (
            f"only {identities} identities (or videos, or images of neither): "
            "the intervals are too narrow"
        )
    elif pinned > len(images) / 10:
        yield (
            f"{pinned} {noun} belong to identities or videos that no other can stand in for when "
            "resampling: the intervals are too narrow"
        )
    if flawless:
        yield from _unseen_errors(images, noun)


def evaluation_warnings(
    table: ScoreTable, scored: ScoreTable, operating: OperatingPoints, noun: str = "images"
) -> Iterator[str]:
    """What concerns an evaluation as a whole."""
    if len(scored) < len(table):
        yield f"{len(table) - len(scored)} of {len(table)} {noun} have no score and are left out"
    yield from operating.notes
    yield from _dominant(scored, noun)


def _dominant(table: ScoreTable, noun: str) -> Iterator[str]:
    """One identity or video with most of the images, such as a missing value that was written."""
    for column in ("identity", "video"):
        names = getattr(table, column)
        known, counts = np.unique(names[names != ""], return_counts=True)
        if counts.size and is_dominant(int(counts.max()), len(table)):
            yield (
                f"{counts.max()} of {len(table)} {noun} have the {column} "
                f"{str(known[counts.argmax()])!r}: the intervals are meaningless, unless that is "
                f"one {column}"
            )


def _unseen_errors(images: ScoreTable, noun: str) -> Iterator[str]:
    """Resampling cannot show errors that are not there; the rule of three can."""
    count = min(found for found in (images.reals, images.fakes) if found)
    yield (
        f"100 % leaves nothing to resample, so its interval has no width; with {count} {noun} of "
        f"a class, an error rate of up to {min(1.0, 3 / count):.1%} can go unseen"
    )
