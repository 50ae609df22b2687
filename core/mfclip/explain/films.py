"""The frames of a film in which a detector sees most of a forgery."""

from __future__ import annotations

import heapq
from pathlib import Path

from mfclip.explain.cards import Failure, Still
from mfclip.inference.films import judge
from mfclip.inference.points import choose_point
from mfclip.inference.score import Scores
from mfclip.inference.watching import Plan, Watched

STRONGEST = 4
"""Frames of each film that are explained."""


def strongest(
    loaded: Scores, path: Path, plan: Plan, *, batch_size: int, count: int = STRONGEST
) -> list[Still] | Failure:
    """The frames of the highest score, the highest first; of frames with faces, the face.

    No more than ``count`` frames and a batch are in memory. A film that has no verdict is a
    :class:`Failure`, with the number 0.

    Raises
    ------
    MissingExtraError
        Without PyAV.
    """
    held: list[tuple[float, int, Watched]] = []
    place = 0

    def keep(watched: Watched) -> None:
        nonlocal place
        place += 1
        if watched.pixels is not None:
            heapq.heappush(held, (watched.log_odds, -place, watched))
            if len(held) > count:
                heapq.heappop(held)

    point = choose_point(loaded.operating)
    film = judge(loaded, path, plan, point, batch_size, keep)
    if film.p_fake is None:
        return Failure(0, path, film.status, film.reason)
    told = f"film: p_fake {film.p_fake:.3f}, {film.verdict}"
    return [_still(path, watched, told) for *_, watched in sorted(held, reverse=True)]


def _still(path: Path, watched: Watched, told: str) -> Still:
    assert watched.pixels is not None
    score = watched.score
    face = "" if score.track is None else f", face {score.track}"
    named = path.with_name(f"{path.name} at {score.seconds:.2f} s{face}")
    return Still(named, watched.pixels, f"frame {score.number}{face}; {told}")
