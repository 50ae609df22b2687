"""Images and films among each other: one score a file, in the order of the files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from mfclip.data.film_names import is_film
from mfclip.data.images import ImageStatus
from mfclip.errors import MissingExtraError
from mfclip.inference.films import judge
from mfclip.inference.points import film_point
from mfclip.inference.score import Score, Scores, score_paths
from mfclip.inference.watching import Plan, Watched


def score_files(
    loaded: Scores,
    paths: Iterable[Path],
    plan: Plan,
    *,
    batch_size: int = 24,
    workers: int | None = None,
    threshold: str | float | None = None,
    progress: Callable[[int], None] | None = None,
    each: Callable[[Watched], None] | None = None,
) -> Generator[Score, None, None]:
    """As :func:`mfclip.inference.score.score_paths`, and films get a ``FilmScore`` in their place.

    Images are decoded ahead in other processes, past the films between them.

    Parameters
    ----------
    plan
        Which frames of each film are scored.
    each
        Given every frame of the films.

    Raises
    ------
    UsageError
        Where the detector has no such threshold; for films, at the first one.
    """
    split = _Split(paths)
    done = 0
    images = score_paths(
        loaded, split.images(), batch_size=batch_size, workers=workers, threshold=threshold
    )
    with closing(images):
        for number, score in enumerate(_ended(images)):
            for film in split.before(number if score is not None else None):
                yield _judged(loaded, film, plan, threshold, batch_size, each)
                done += 1
                _tell(progress, done)
            if score is not None:
                yield score
                done += 1
                _tell(progress, done)


def _judged(
    loaded: Scores,
    film: Path,
    plan: Plan,
    threshold: str | float | None,
    batch_size: int,
    each: Callable[[Watched], None] | None,
) -> Score:
    """A film's score; where the extra is missing, the film has a status, as a HEIC has."""
    point = film_point(loaded.operating, threshold)
    try:
        return judge(loaded, film, plan, point, batch_size, each)
    except MissingExtraError as error:
        why = ImageStatus.UNSUPPORTED_FORMAT, str(error)
        none = () if loaded.finder is not None else None
        return Score(film, None, None, point.threshold, *why, point.name, none)


def _ended(scores: Iterable[Score]) -> Iterator[Score | None]:
    """The scores, then None."""
    yield from scores
    yield None


def _tell(progress: Callable[[int], None] | None, done: int) -> None:
    if progress is not None:
        progress(done)


class _Split:
    """Gives the images of a stream of paths, and keeps the films with their places."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = paths
        self._films: deque[tuple[int, Path]] = deque()

    def images(self) -> Iterator[Path]:
        """The files that are no films, as they are asked for."""
        count = 0
        for path in self._paths:
            if is_film(path):
                self._films.append((count, path))
            else:
                count += 1
                yield path

    def before(self, number: int | None) -> Iterator[Path]:
        """The films that come before an image, by its number from 0; None: all that are left."""
        while self._films and (number is None or self._films[0][0] <= number):
            yield self._films.popleft()[1]
