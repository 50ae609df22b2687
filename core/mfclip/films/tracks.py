"""Faces followed from frame to frame by how much their boxes overlap."""

from __future__ import annotations

from collections.abc import Sequence

from mfclip.faces.face import Box

OVERLAP = 0.3
"""Least intersection over union of two boxes of one face."""
GAP = 2.0
"""Seconds for which a face may be out of sight; after them it is another track."""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0-1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both)


class Tracker:
    """Gives each face of a frame the number of its track; holds only tracks that may go on."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, Box]] = {}
        self._count = 0

    def follow(self, seconds: float, boxes: Sequence[Box]) -> list[int]:
        """Numbers from 1 of the tracks of a frame's faces, in their order.

        The pairs that overlap most are joined first. ``seconds`` never falls from call to call.
        """
        self._seen = {n: one for n, one in self._seen.items() if seconds - one[0] <= GAP}
        pairs = sorted(
            (-overlap(box, seen), number, place)
            for place, box in enumerate(boxes)
            for number, (_, seen) in self._seen.items()
        )
        given: dict[int, int] = {}
        for less, number, place in pairs:
            if -less >= OVERLAP and place not in given and number not in given.values():
                given[place] = number
        for place in range(len(boxes)):
            if place not in given:
                self._count += 1
                given[place] = self._count
        self._seen |= {given[place]: (seconds, box) for place, box in enumerate(boxes)}
        return [given[place] for place in range(len(boxes))]
