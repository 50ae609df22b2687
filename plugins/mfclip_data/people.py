"""Who must stay together: people that swapped faces are one identity for a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def join_people(meetings: Iterable[Sequence[str]]) -> dict[str, str]:
    """For each person the name of their circle: the first, by name, of all they are linked to.

    A swap shows two people, the face of one on the body of another. Whoever is linked by swaps,
    directly or through others, is one circle (a connected component): if they were in two
    splits, some face or body would be in both.
    """
    circles: dict[str, str] = {}

    def top(name: str) -> str:
        circles.setdefault(name, name)
        while circles[name] != name:
            circles[name] = circles[circles[name]]  # halves the way for the next search
            name = circles[name]
        return name

    for people in meetings:
        for other in people[1:]:
            first, second = sorted((top(people[0]), top(other)))
            circles[second] = first
        if people:
            top(people[0])
    return {name: top(name) for name in list(circles)}
